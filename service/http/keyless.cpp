#include "service/http/keyless.h"

#include <algorithm>

#include "service/loopback.h"

namespace billhook::http {
namespace {

constexpr std::string_view kProxyHeaders[] = {"Forwarded",         "X-Forwarded-For", "X-Forwarded-Host",
                                              "X-Forwarded-Proto", "X-Real-IP",       "Via"};

// Proxies add one of these; a request that bears one, be it empty, is not this machine's own.
bool CameThroughAProxy(const Request& request) {
  return std::any_of(std::begin(kProxyHeaders), std::end(kProxyHeaders),
                     [&](std::string_view name) { return request.Header(name) != nullptr; });
}

// A browser on this machine lends the loopback address to every page that it shows. A page that is not ours
// tells its Origin when it writes, and shows the name that was made to point here (DNS rebinding) as Host
// when it reads.
bool IsFromForeignPage(const Request& request) {
  const std::string* host = request.Header("Host");
  const std::string* origin = request.Header("Origin");
  if (host == nullptr) return origin != nullptr;
  const std::size_t name_end = host->find(':', host->starts_with('[') ? host->find(']') : 0);
  return !IsLoopback(host->substr(0, name_end)) || (origin != nullptr && *origin != "http://" + *host);
}

}  // namespace

bool MayComeWithoutKey(const Request& request) {
  return !CameThroughAProxy(request) && !IsFromForeignPage(request);
}

}  // namespace billhook::http
