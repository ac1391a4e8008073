// GET /openapi.json and /docs: what the API is, for programs and for people. They need no key.
#include "service/http/docs_page.h"
#include "service/http/routes/routes.h"

namespace billhook::http {
namespace {

// docs/openapi.json, which travels inside the binary.
constexpr std::string_view kDocument =
#include "openapi.inc"
    ;

Response Document() {
  Response response;
  response.body = kDocument;
  return response;
}

Response Page() {
  static const DocsPage kPage = RenderDocs(nlohmann::ordered_json::parse(kDocument));
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = kPage.html;
  response.headers.emplace_back("Content-Security-Policy", kPage.content_security_policy);
  return response;
}

}  // namespace

void AddDocsRoutes(Api& api) {
  api.Add({"GET", "/openapi.json", std::nullopt, {}, [](Call&) { return Document(); }});
  api.Add({"GET", "/docs", std::nullopt, {}, [](Call&) { return Page(); }});
}

}  // namespace billhook::http
