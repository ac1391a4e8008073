#include "service/http/api.h"

#include <algorithm>
#include <chrono>

#include "domain/event_store.h"
#include "domain/sha256.h"
#include "service/http/framing.h"
#include "service/http/keyless.h"
#include "service/http/network.h"
#include "service/http/request_id.h"
#include "service/http/trace_context.h"
#include "service/log.h"

namespace billhook::http {
namespace {

constexpr std::string_view kScheme = "Bearer";
constexpr const char* kPositionHeader = "X-Projection-Position";
constexpr const char* kPolicyHeader = "Content-Security-Policy";
constexpr const char* kAnyMethod = "GET, HEAD, POST, DELETE";

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty() && path.front() == '/') {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool IsUnderApi(const Request& request) {
  return request.path.starts_with("/api/");
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The decoded path parameters if the path fits the pattern, both by their segments.
std::optional<std::vector<std::string>> Fit(const std::vector<std::string>& expected,
                                            const std::vector<std::string_view>& given) {
  if (expected.size() != given.size()) return std::nullopt;
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!IsParameter(expected[i])) {
      if (expected[i] != given[i]) return std::nullopt;
      continue;
    }
    std::optional<std::string> value = PercentDecode(given[i], false);
    if (!value || value->empty()) return std::nullopt;
    parameters.push_back(*std::move(value));
  }
  return parameters;
}

// What every log line about the request bears.
log::Fields LogFieldsOf(const Request& request, const std::string& request_id) {
  log::Fields fields = {{"request_id", request_id}};
  if (const std::optional<std::string> trace_id = TraceIdOf(request)) fields["trace_id"] = *trace_id;
  return fields;
}

// HEAD is GET without the body, which the server leaves out.
std::string_view MethodOf(const Request& request) {
  return request.method == "HEAD" ? std::string_view("GET") : request.method;
}

std::string_view MetricMethod(const Request& request) {
  for (std::string_view known : {"GET", "POST", "DELETE", "HEAD"}) {
    if (request.method == known) return known;
  }
  return "other";
}

// The key that the request bears. RFC 9110, 11.1 and 11.4: the scheme's name in any case, then blanks. Of two
// headers nobody can say which one counts.
std::optional<std::string_view> BearerOf(const Request& request) {
  if (request.HeaderCount("Authorization") != 1) return std::nullopt;
  const std::string_view value = *request.Header("Authorization");
  const std::size_t blank = std::min(value.find(' '), value.size());
  if (!EqualIgnoringCase(value.substr(0, blank), kScheme)) return std::nullopt;
  const std::size_t key = value.find_first_not_of(' ', blank);
  if (key == std::string_view::npos) return std::nullopt;
  return value.substr(key);
}

const std::string* HeaderIn(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace

void Api::Add(Route route) {
  const std::vector<std::string_view> segments = Segments(route.pattern);
  patterns_.emplace_back(segments.begin(), segments.end());
  routes_.push_back(std::move(route));
}

Api::Match Api::FindRoute(const Request& request) const {
  Match match;
  const std::vector<std::string_view> segments = Segments(request.path);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Route& route = routes_[i];
    std::optional<std::vector<std::string>> parameters = Fit(patterns_[i], segments);
    if (!parameters) continue;
    if (route.method == MethodOf(request)) return {&route, *std::move(parameters), ""};
    const std::string methods = route.method == "GET" ? "GET, HEAD" : route.method;
    match.allow += (match.allow.empty() ? "" : ", ") + methods;
  }
  return match;
}

Reply Api::Handle(const Request& request) {
  Visit visit{request, std::chrono::steady_clock::now(), RequestIdOf(request), FindRoute(request)};
  const log::Context context(LogFieldsOf(request, visit.request_id));
  Reply reply = Guarded([&] { return Dispatch(visit); });
  if (auto* response = std::get_if<Response>(&reply)) return Complete(visit, std::move(*response));
  auto& pending = std::get<Pending>(reply);
  pending.answer = [this, visit = std::move(visit), answer = std::move(pending.answer)] {
    const log::Context again(LogFieldsOf(visit.request, visit.request_id));
    return Complete(visit, std::get<Response>(Guarded(answer)));
  };
  return reply;
}

Response Api::Complete(const Visit& visit, Response response) {
  Finish(visit.request, visit.request_id, response);
  const auto duration = std::chrono::steady_clock::now() - visit.start;
  const std::string_view method = MetricMethod(visit.request);
  const std::string_view route =
      visit.match.route == nullptr ? std::string_view("none") : visit.match.route->pattern;
  metrics_.ObserveRequest(route, method, response.status, duration);
  const log::Level level = response.status >= 500 ? log::Level::kWarn : log::Level::kDebug;
  if (log::Writes(level)) {
    log::Write(level, "request",
               {{"method", method},
                {"route", route},
                {"status", response.status},
                {"duration_us", std::chrono::duration_cast<std::chrono::microseconds>(duration).count()}});
  }
  return response;
}

// The outermost loop of a request: whatever goes wrong inside becomes an answer that tells nothing of our
// insides.
Reply Api::Guarded(const std::function<Reply()>& respond) {
  try {
    return respond();
  } catch (const StorageError& error) {
    log::Error("storage failed", {{"error", error.what()}, {"retryable", error.retryable()}});
    if (error.retryable())
      return Unavailable("storage_unavailable", "The database cannot be reached right now. Try again.");
  } catch (const std::exception& error) {
    log::Error("request failed", {{"error", error.what()}});
  }
  return Problem(500, "internal_error", "");
}

Reply Api::Dispatch(const Visit& visit) {
  const auto& [request, start, request_id, match] = visit;
  const bool within_api = IsUnderApi(request);
  // A page may ask for paths that there are not, so that it is told as much.
  if (within_api && cors_.IsPreflight(request))
    return Cors::Preflight(match.allow.empty() ? kAnyMethod : match.allow);
  const std::optional<Role> least = match.route != nullptr ? match.route->role
                                    : within_api           ? std::optional(Role::kReader)
                                                           : std::nullopt;
  Result<Caller, Response> caller = least ? Admit(request, *least) : Caller{};
  if (!caller) return caller.error();
  if (match.route == nullptr && match.allow.empty())
    return Problem(404, "not_found", "There is no such path.");
  if (match.route == nullptr) {
    Response response = Problem(405, "method_not_allowed", "This path knows only: " + match.allow + ".");
    response.headers.emplace_back("Allow", match.allow);
    return response;
  }
  // Webhooks and health answer as well where somebody put a query behind their address.
  Result<QueryParameters, std::vector<InputError>> query =
      QueryParameters::Parse(within_api ? request.raw_query : "", match.route->query_parameters);
  if (!query) return Problem(422, "invalid_parameter", "A query parameter is invalid.", query.error());
  Call call{request,           request_id,    *std::move(caller), match.path_parameters,
            *std::move(query), answer_space_, document_space_};
  Reply reply = match.route->handler(call);
  if (auto* response = std::get_if<Response>(&reply); response != nullptr && call.answer_part) {
    call.answer_part->Become(response->body.size());
    response->space = std::move(call.answer_part);
  }
  if (call.query.errors().empty()) return reply;
  return Problem(422, "invalid_parameter", "A query parameter is invalid.", call.query.errors());
}

Result<const ApiKey*, Response> Api::KeyOf(const Request& request) const {
  const auto refuse = [](std::string_view code, std::string_view detail) {
    Response response = Problem(401, code, detail);
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return Unexpected(std::move(response));
  };
  if (keys_.empty())
    return refuse(
        "key_missing",
        "No API key is configured (API_KEYS), so only programs on this machine get in: not through a "
        "proxy, not for another Host than a loopback one, not from a web page of another origin. "
        "Configure API_KEYS and send: Authorization: Bearer KEY.");
  const std::optional<std::string_view> sent = BearerOf(request);
  if (!sent) return refuse("key_missing", "Send one API key as: Authorization: Bearer KEY.");
  const Digest hash = Sha256({*sent});
  const ApiKey* known = nullptr;
  for (const ApiKey& key : keys_) {
    if (EqualInConstantTime(key.hash, hash)) known = &key;
  }
  if (known == nullptr) return refuse("key_unknown", "This API key is not configured (API_KEYS).");
  return known;
}

// Who has no valid key is counted by address, so that keys cannot be guessed faster than one may ask.
Result<Caller, Response> Api::Admit(const Request& request, Role least) {
  const bool open = keys_.empty() && MayComeWithoutKey(request) && !ComesFrom(trusted_proxies_, request);
  const Result<const ApiKey*, Response> key =
      open ? Result<const ApiKey*, Response>(nullptr) : KeyOf(request);
  const auto now = std::chrono::steady_clock::now();
  const auto wait = !open && key
                        ? key_limit_.Refuse(key.value()->name, now)
                        : address_limit_.Refuse(NetworkOf(ClientAddressOf(request, trusted_proxies_)), now);
  if (wait) {
    Response response =
        Problem(429, "rate_limited", "Too many requests a second (API_RATE_LIMIT). Slow down.");
    response.headers.emplace_back("Retry-After", std::to_string(wait->count()));
    return Unexpected(std::move(response));
  }
  if (!key) return Unexpected(key.error());
  if (open) return Caller{};
  if (key.value()->role < least)
    return Unexpected(
        Problem(403, "role_too_low", "This needs the role " + std::string(NameOf(least)) + "."));
  return Caller{key.value()->name, key.value()->role, key.value()->tenant};
}

void Api::Finish(const Request& request, const std::string& request_id, Response& response) const {
  StampProblem(response, request_id);
  response.headers.emplace_back("X-Request-Id", request_id);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (HeaderIn(response, kPolicyHeader) == nullptr)
    response.headers.emplace_back(kPolicyHeader, "default-src 'none'; frame-ancestors 'none'");
  if (IsUnderApi(request)) cors_.Mark(request, response);
  if (response.status != 200 || HeaderIn(response, kPositionHeader) == nullptr) return;
  const std::string tag = "\"" + ToHex(Sha256({response.body})).substr(0, 32) + "\"";
  response.headers.emplace_back("ETag", tag);
  const std::string* known = request.Header("If-None-Match");
  if (known == nullptr || (*known != "*" && known->find(tag) == std::string::npos)) return;
  response.status = 304;
  response.body.clear();
}

Response Api::HandleFault(const Request& request, Fault fault) {
  const auto answer = [fault]() -> Response {
    switch (fault) {
      case Fault::kMalformed:
        return Problem(400, "request_malformed", "This is not a well-formed HTTP request.");
      case Fault::kRequestTimeout:
        return Problem(408, "request_timeout",
                       "The request did not arrive in time (HTTP_REQUEST_TIMEOUT_MS).");
      case Fault::kBodyTooLarge:
        return Problem(413, "body_too_large", "The body is larger than MAX_BODY_BYTES.");
      case Fault::kUriTooLong:
        return Problem(414, "uri_too_long", "The path with its query is too long.");
      case Fault::kHeadersTooLarge:
        return Problem(431, "headers_too_large", "The headers are too many or too large.");
      case Fault::kOverloaded:
        return Unavailable("overloaded", "Too many requests wait, or the service is stopping. Try again.");
      case Fault::kVersionNotSupported:
        return Problem(505, "http_version_not_supported", "Use HTTP/1.1.");
    }
    return Problem(500, "internal_error", "");
  };
  Response response = answer();
  const std::string request_id = RequestIdOf(request);
  const log::Context context(LogFieldsOf(request, request_id));
  Finish(request, request_id, response);
  metrics_.ObserveRequest("none", MetricMethod(request), response.status, std::chrono::nanoseconds(0));
  log::Debug("request refused", {{"status", response.status}});
  return response;
}

}  // namespace billhook::http
