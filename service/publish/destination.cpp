#include "service/publish/destination.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "service/http/query_parameters.h"

namespace billhook::publish {
namespace {

constexpr const char* kForms =
    "must be redis://[:password@]host:port/stream, amqp://user:password@host:port/vhost?exchange=name or "
    "kafka://host:port[,host:port]/topic";
constexpr const char* kTopicLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
constexpr std::size_t kMaxTopic = 249;     // Kafka's own bounds
constexpr std::size_t kMaxExchange = 255;  // AMQP's short strings

std::optional<int> PortOf(std::string_view text) {
  int port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || port < 1 || port > 65'535)
    return std::nullopt;
  return port;
}

// host, host:port, [address] or [address]:port.
bool ReadHost(std::string_view text, int default_port, Destination& destination) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    port = text.substr(end + 1);
    destination.host = text.substr(1, end - 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    port = text.substr(end);
    destination.host = text.substr(0, end);
  }
  destination.port = default_port;
  if (!port.empty()) {
    const std::optional<int> read = port.front() == ':' ? PortOf(port.substr(1)) : std::nullopt;
    if (!read) return false;
    destination.port = *read;
  }
  return !destination.host.empty();
}

// Each with its port.
bool AreKafkaHosts(std::string_view text) {
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, end);
    const std::size_t colon = one.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || !PortOf(one.substr(colon + 1))) return false;
    if (end == text.size()) return true;
    text = text.substr(end + 1);
  }
}

bool ReadLogin(std::string_view text, Destination& destination) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  std::optional<std::string> user = http::PercentDecode(text.substr(0, colon), false);
  std::optional<std::string> password = http::PercentDecode(text.substr(colon + 1), false);
  if (!user || !password || password->empty()) return false;
  destination.user = *std::move(user);
  destination.password = *std::move(password);
  return true;
}

Result<Destination, std::string> Wrong(const std::string& what) {
  return Unexpected(what);
}

}  // namespace

std::string Destination::Label() const {
  if (kind == Kind::kRedis) return "redis/" + name;
  if (kind == Kind::kKafka) return "kafka/" + name;
  return "amqp/" + (vhost == "/" ? "" : vhost) + "/" + name;
}

Result<Destination, std::string> ReadDestination(const std::string& url) {
  const bool visible = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  Destination destination;
  const std::size_t scheme_end = url.find("://");
  if (!visible || scheme_end == std::string::npos) return Wrong(kForms);
  const std::string scheme = url.substr(0, scheme_end);
  if (scheme == "redis") {
    destination.kind = Destination::Kind::kRedis;
  } else if (scheme == "amqp") {
    destination.kind = Destination::Kind::kAmqp;
  } else if (scheme == "kafka") {
    destination.kind = Destination::Kind::kKafka;
  } else {
    return Wrong(kForms);
  }
  const std::string_view rest = std::string_view(url).substr(scheme_end + 3);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return Wrong(kForms);
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash + 1);

  if (destination.kind == Destination::Kind::kKafka) {
    if (!AreKafkaHosts(authority)) return Wrong("must list Kafka's hosts as host:port[,host:port]");
    destination.host = authority;
    destination.name = path;
    const bool named = !path.empty() && path.size() <= kMaxTopic && path != "." && path != ".." &&
                       path.find_first_not_of(kTopicLetters) == std::string_view::npos;
    if (!named) return Wrong("must end in a Kafka topic: 1 to 249 letters, digits, '.', '_' or '-'");
    return destination;
  }

  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (!ReadLogin(authority.substr(0, at), destination))
      return Wrong("must have user:password (or :password) before the @, percent-encoded");
    authority = authority.substr(at + 1);
  }
  const bool redis = destination.kind == Destination::Kind::kRedis;
  if (!ReadHost(authority, redis ? 6379 : 5672, destination))
    return Wrong("must have host:port; percent-encode special characters in user and password");
  std::optional<std::string> name;
  if (redis) {
    if (path.find_first_of("?/") == std::string_view::npos) name = http::PercentDecode(path, false);
    if (!name || name->empty()) return Wrong("must end in the name of a Redis stream, percent-encoded");
  } else {
    if (destination.user.empty()) return Wrong("must have user:password before the @, percent-encoded");
    constexpr std::string_view kExchange = "?exchange=";
    const std::size_t query = path.find('?');
    if (query == std::string_view::npos || !path.substr(query).starts_with(kExchange))
      return Wrong("must end in /vhost?exchange=name");
    std::optional<std::string> vhost = http::PercentDecode(path.substr(0, query), false);
    name = http::PercentDecode(path.substr(query + kExchange.size()), false);
    if (!vhost || !name || name->empty() || name->size() > kMaxExchange ||
        path.find('&') != std::string_view::npos)
      return Wrong("must end in /vhost?exchange=name, percent-encoded");
    destination.vhost = vhost->empty() ? "/" : *std::move(vhost);
  }
  destination.name = *std::move(name);
  return destination;
}

}  // namespace billhook::publish
