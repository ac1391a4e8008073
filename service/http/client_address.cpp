#include "service/http/client_address.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "service/http/framing.h"

namespace billhook::http {
namespace {

constexpr std::string_view kHeader = "X-Forwarded-For";

bool IsAny(const Proxies& proxies, const Address& address) {
  return std::any_of(proxies.begin(), proxies.end(),
                     [&](const Network& network) { return network.Has(address); });
}

// The connection's own address; of a link-local one the zone ("%eth0") does not matter.
std::optional<Address> PeerOf(const Request& request) {
  return ReadAddress(request.remote_address.substr(0, request.remote_address.find('%')));
}

std::string_view Trim(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// An address as proxies write it: 192.0.2.7, 192.0.2.7:1234, 2001:db8::7, [2001:db8::7] or
// [2001:db8::7]:1234.
std::optional<Address> ReadHop(std::string_view text) {
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed) {
    if (end == std::string_view::npos) return std::nullopt;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  } else if (end != std::string_view::npos && text.find(':', end + 1) == std::string_view::npos) {
    port = text.substr(end);
    text = text.substr(0, end);
  }
  if (!port.empty() && (port.front() != ':' || !IsPort(port.substr(1)))) return std::nullopt;
  return ReadAddress(std::string(text));
}

}  // namespace

bool ComesFrom(const Proxies& proxies, const Request& request) {
  if (proxies.empty()) return false;
  const std::optional<Address> peer = PeerOf(request);
  return peer && IsAny(proxies, *peer);
}

std::string ClientAddressOf(const Request& request, const Proxies& proxies) {
  if (!ComesFrom(proxies, request)) return request.remote_address;
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (!EqualIgnoringCase(header->first, kHeader)) continue;
    std::string_view left = header->second;
    while (true) {
      const std::size_t comma = left.rfind(',');
      const std::optional<Address> hop =
          ReadHop(Trim(left.substr(comma == std::string_view::npos ? 0 : comma + 1)));
      if (!hop) return request.remote_address;
      if (!IsAny(proxies, *hop)) return TextOf(*hop);
      if (comma == std::string_view::npos) break;
      left = left.substr(0, comma);
    }
  }
  return request.remote_address;
}

}  // namespace billhook::http
