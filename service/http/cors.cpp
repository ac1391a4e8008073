#include "service/http/cors.h"

#include <algorithm>
#include <charconv>

#include "service/http/network.h"
#include "service/loopback.h"

namespace billhook::http {
namespace {

// What the API reads beyond what any page may send, and what it says beyond what any page may read.
constexpr const char* kRequestHeaders =
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id, traceparent";
constexpr const char* kResponseHeaders =
    "ETag, Location, Retry-After, X-Position, X-Projection-Position, X-Request-Id";
constexpr const char* kMaxAgeSeconds = "7200";  // as long as Chromium keeps one at most

// Whether it is an address in the one form that browsers make of all its forms.
bool IsShortAddress(const std::string& text) {
  const std::optional<Address> address = ReadAddress(text);
  return address && TextOf(*address) == text;
}

bool IsHost(std::string_view host) {
  if (host.starts_with('[')) {
    const std::string bare = WithoutBrackets(std::string(host));
    return bare.size() + 2 == host.size() && bare.find(':') != std::string::npos && IsShortAddress(bare);
  }
  const std::string_view last = host.substr(host.rfind('.') + 1);  // the whole where there is no dot
  if (!last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos)
    return IsShortAddress(std::string(host));
  const bool known =
      host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
  return known && !host.empty() && host.size() <= 253 && !host.starts_with('.') &&
         host.find("..") == std::string_view::npos;
}

bool IsPort(std::string_view text, int of_scheme) {
  int port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && !text.starts_with('0') &&
         port > 0 && port <= 65'535 && port != of_scheme;
}

}  // namespace

bool Cors::IsPreflight(const Request& request) const {
  return request.method == "OPTIONS" && request.Header("Access-Control-Request-Method") != nullptr &&
         AllowedOrigin(request) != nullptr;
}

Response Cors::Preflight(const std::string& methods) {
  Response response;
  response.status = 204;
  response.headers = {{"Access-Control-Allow-Methods", methods},
                      {"Access-Control-Allow-Headers", kRequestHeaders},
                      {"Access-Control-Max-Age", kMaxAgeSeconds}};
  return response;
}

void Cors::Mark(const Request& request, Response& response) const {
  if (origins_.empty()) return;
  response.headers.emplace_back("Vary", "Origin");
  const std::string* origin = AllowedOrigin(request);
  if (origin == nullptr) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  if (!IsPreflight(request)) response.headers.emplace_back("Access-Control-Expose-Headers", kResponseHeaders);
}

const std::string* Cors::AllowedOrigin(const Request& request) const {
  if (origins_.empty() || request.HeaderCount("Origin") != 1) return nullptr;
  const std::string* origin = request.Header("Origin");
  const bool allowed = std::find(origins_.begin(), origins_.end(), *origin) != origins_.end();
  return allowed ? origin : nullptr;
}

bool IsOrigin(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return false;
  const std::string_view rest = text.substr(secure ? 8 : 7);
  const std::size_t host_end =
      rest.find(':', rest.starts_with('[') ? std::min(rest.find(']'), rest.size()) : 0);
  if (!IsHost(rest.substr(0, host_end))) return false;
  return host_end == std::string_view::npos || IsPort(rest.substr(host_end + 1), secure ? 443 : 80);
}

}  // namespace billhook::http
