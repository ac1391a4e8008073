// The configuration: environment variables only, read once at the start, every fault reported at once and by
// name. The table of variables is the one source of their names and defaults (a test holds .env.example and
// the README to it). Values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/result.h"
#include "domain/sha256.h"
#include "service/http/client_address.h"
#include "service/log.h"
#include "service/publish/destination.h"

namespace billhook {

enum class Role { kReader, kOperator, kAdmin };
std::string_view NameOf(Role role);

// A key of fewer characters can be found by trying. It is taken all the same, with a warning: where no
// stranger gets to, in a test for example, it does no harm.
constexpr std::size_t kShortestSafeKey = 16;

// An API key as the service keeps it: its SHA-256, never itself.
struct ApiKey {
  std::string name;
  Role role = Role::kReader;
  Digest hash{};
  std::string tenant;
  bool guessable = false;  // it is shorter than kShortestSafeKey
};

struct Config {
  std::map<std::string, std::vector<std::string>> webhook_secrets;  // by tenant; "default" is always there
  std::int64_t webhook_tolerance_s = 300;
  bool auto_migrate = true;
  std::string database_url;
  std::string host;
  int port = 0;
  std::vector<ApiKey> api_keys;
  std::int64_t api_rate_limit = 0;        // requests a second; 0 = any number
  http::Proxies trusted_proxies;          // whose X-Forwarded-For counts
  std::vector<std::string> cors_origins;  // empty: no page of another origin reads an answer
  std::size_t max_body_bytes = 0;
  std::size_t http_threads = 0;
  std::size_t db_pool_size = 0;
  std::size_t append_batch_max = 0;
  std::chrono::microseconds append_linger{800};
  std::size_t projection_batch = 0;
  std::int64_t snapshot_frequency = 0;
  std::chrono::milliseconds http_request_timeout{0};
  std::chrono::milliseconds http_idle_timeout{0};
  std::int64_t dunning_grace_s = 604'800;
  std::optional<publish::Destination> publish_to;  // nothing: the log is not published
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kJson;
  std::chrono::milliseconds shutdown_timeout{0};
};

struct Variable {
  const char* name;
  const char* default_value;  // nullptr: none
  const char* meaning;
};

// Every variable that billhook reads, in the order of .env.example.
const std::vector<Variable>& Variables();

using Environment = std::map<std::string, std::string>;
// The variables of this process.
Environment ProcessEnvironment();

// What `serve` needs, or all faults, one line each, that start with the variable's name.
Result<Config, std::vector<std::string>> ReadConfig(const Environment& environment);

// DATABASE_URL alone, for the subcommands that need no more. The error is a fault as above.
Result<std::string, std::string> ReadDatabaseUrl(const Environment& environment);

// Stripe's API as `backfill` asks it.
struct StripeApi {
  std::string base;  // without /v1
  std::string key;
  bool livemode = true;  // whether the key is about live data
};
// STRIPE_API_BASE and STRIPE_API_KEY, or all faults as above; also one where no such tenant is configured.
Result<StripeApi, std::vector<std::string>> ReadStripeApi(const Environment& environment,
                                                          const std::string& tenant);

// Whether the name can be a tenant's: 1 to 64 of a-z, 0-9, '_' and '-'.
bool IsTenantName(std::string_view name);

}  // namespace billhook
