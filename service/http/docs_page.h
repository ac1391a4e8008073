// The API's document as a page for people: HTML that needs nothing from elsewhere and runs no script. Pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace billhook::http {

struct DocsPage {
  std::string html;
  std::string content_security_policy;  // allows the page's own style and nothing else
};

// `document` is an OpenAPI 3.1 document of our own: what it names must be there.
DocsPage RenderDocs(const nlohmann::ordered_json& document);

}  // namespace billhook::http
