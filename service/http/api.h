// The HTTP API: a table of routes behind one chain of steps that wraps each of them (request ID, route, key,
// rate limit, role, query parameters, handler, faults, metrics, log). Handlers are parse, call, serialise.
// Thread safe once all routes are added.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "service/config.h"
#include "service/http/answer_space.h"
#include "service/http/client_address.h"
#include "service/http/cors.h"
#include "service/http/document_space.h"
#include "service/http/message.h"
#include "service/http/query_parameters.h"
#include "service/http/rate_limit.h"
#include "service/metrics.h"

namespace billhook::http {

// Who calls, once the key is known. Without keys configured every program on the loopback address is admin of
// the default tenant, but nobody whom a browser or a proxy there lends the address (keyless.h).
struct Caller {
  std::string name = "anonymous";
  Role role = Role::kAdmin;
  std::string tenant = "default";
};

struct Call {
  const Request& request;
  const std::string& request_id;
  Caller caller;
  std::vector<std::string> path_parameters;  // decoded, in order of the pattern's {names}
  QueryParameters query;
  AnswerSpace& answer_space;
  DocumentSpace& document_space;
  std::shared_ptr<AnswerSpace::Part> answer_part{};
  std::shared_ptr<DocumentSpace::Part> document_part{};  // of the body, where a document is made of it

  // How many bytes a page in the answer may have.
  std::size_t PageBytes() {
    if (!answer_part) answer_part = answer_space.Take();
    return answer_part->bytes();
  }
};

struct Route {
  std::string method;
  std::string pattern;       // "/api/v1/subscriptions/{id}"
  std::optional<Role> role;  // the least that may call it; nothing: no key is asked for
  std::vector<std::string_view> query_parameters;
  std::function<Reply(Call&)> handler;  // a pending reply must not look at the call any more
};

class Api {
 public:
  // Of the configuration it takes what is about callers: keys, how often each may ask (and each address
  // without a valid one), and pages of which origins.
  Api(const Config& config, Metrics& metrics)
      : keys_(config.api_keys),
        key_limit_(config.api_rate_limit),
        address_limit_(config.api_rate_limit),
        trusted_proxies_(config.trusted_proxies),
        cors_(config.cors_origins),
        metrics_(metrics) {}

  void Add(Route route);
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

  // Answers one request, which must stay until that is done; never throws, nor does a pending answer.
  Reply Handle(const Request& request);
  // Answers what never became a whole request.
  Response HandleFault(const Request& request, Fault fault);

 private:
  struct Match {
    const Route* route = nullptr;
    std::vector<std::string> path_parameters;
    std::string allow;  // the methods that the path knows, when the method is another
  };
  // A request that is being answered.
  struct Visit {
    const Request& request;
    std::chrono::steady_clock::time_point start;
    std::string request_id;
    Match match;
  };

  Match FindRoute(const Request& request) const;
  Reply Dispatch(const Visit& visit);
  static Reply Guarded(const std::function<Reply()>& respond);
  // The configured key that the request bears, or the refusal.
  Result<const ApiKey*, Response> KeyOf(const Request& request) const;
  // The caller, or the refusal: no key, too many requests, too low a role.
  Result<Caller, Response> Admit(const Request& request, Role least);
  Response Complete(const Visit& visit, Response response);
  void Finish(const Request& request, const std::string& request_id, Response& response) const;

  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // of each route, in segments
  std::vector<ApiKey> keys_;
  RateLimit key_limit_;  // apart from addresses: however many those are, each key has its place
  RateLimit address_limit_;
  const Proxies trusted_proxies_;
  const Cors cors_;
  AnswerSpace answer_space_;
  DocumentSpace document_space_;
  Metrics& metrics_;
};

}  // namespace billhook::http
