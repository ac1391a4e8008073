#include "service/http/problem.h"

#include <nlohmann/json.hpp>

namespace billhook::http {
namespace {

constexpr const char* kContentType = "application/problem+json";
constexpr const char* kRetryAfterSeconds = "2";

}  // namespace

std::string_view TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

Response Problem(int status, std::string_view code, std::string_view detail,
                 const std::vector<InputError>& errors) {
  nlohmann::ordered_json body = {{"type", "about:blank"},
                                 {"title", TitleOf(status)},
                                 {"status", status},
                                 {"detail", detail},
                                 {"code", code}};
  for (std::size_t i = 0; i < errors.size() && i < kMaxInputFaults; ++i)
    body["errors"].push_back({{"pointer", errors[i].pointer}, {"detail", errors[i].detail}});
  Response response;
  response.status = status;
  response.content_type = kContentType;
  response.body = body.dump();
  return response;
}

Response Unavailable(std::string_view code, std::string_view detail) {
  Response response = Problem(503, code, detail);
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

void StampProblem(Response& response, const std::string& request_id) {
  if (response.content_type != kContentType) return;
  nlohmann::ordered_json body = nlohmann::ordered_json::parse(response.body);
  body["request_id"] = request_id;
  response.body = body.dump();
}

}  // namespace billhook::http
