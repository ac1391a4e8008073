#include "service/config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <set>

#include <unistd.h>

#include "service/http/cors.h"
#include "service/loopback.h"
#include "service/storage/postgres/postgres_database.h"

namespace billhook {
namespace {

constexpr const char* kSecretPrefix = "STRIPE_WEBHOOK_SECRET__";
constexpr const char* kDefaultTenant = "default";

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = text.find(separator, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string::npos) return parts;
    at = end + 1;
  }
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

// What a header can bear and a log line show.
bool IsVisible(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  Result<Config, std::vector<std::string>> Read() {
    Config config;
    ReadSecrets(config);
    config.webhook_tolerance_s = Integer("STRIPE_WEBHOOK_TOLERANCE", 1, 1'000'000'000);
    config.auto_migrate = Choice<bool>("AUTO_MIGRATE", {{"true", true}, {"false", false}});
    config.database_url = DatabaseUrl();
    config.host = WithoutBrackets(Text("HOST"));
    if (config.host.empty()) Fault("HOST", "must name an address to listen on");
    config.port = static_cast<int>(Integer("PORT", 0, 65'535));
    ReadApiKeys(config);
    config.api_rate_limit = Integer("API_RATE_LIMIT", 0, 1'000'000);
    ReadTrustedProxies(config);
    ReadCorsOrigins(config);
    config.max_body_bytes = static_cast<std::size_t>(Integer("MAX_BODY_BYTES", 1'024, 64 << 20));
    config.http_threads = static_cast<std::size_t>(Integer("HTTP_THREADS", 1, 1'024));
    config.db_pool_size = static_cast<std::size_t>(Integer("DB_POOL_SIZE", 1, 256));
    config.append_batch_max = static_cast<std::size_t>(Integer("APPEND_BATCH_MAX", 1, 4'096));
    config.append_linger = std::chrono::microseconds(Integer("APPEND_LINGER_US", 0, 1'000'000));
    config.projection_batch = static_cast<std::size_t>(Integer("PROJECTION_BATCH", 1, 10'000));
    config.snapshot_frequency = Integer("SNAPSHOT_FREQUENCY", 0, 1'000'000'000);
    config.http_request_timeout = std::chrono::milliseconds(Integer("HTTP_REQUEST_TIMEOUT_MS", 1, 600'000));
    config.http_idle_timeout = std::chrono::milliseconds(Integer("HTTP_IDLE_TIMEOUT_MS", 1, 3'600'000));
    config.dunning_grace_s = Integer("DUNNING_GRACE_SECONDS", 1, 315'360'000);
    ReadPublishUrl(config);
    config.log_level = Choice<log::Level>("LOG_LEVEL", {{"debug", log::Level::kDebug},
                                                        {"info", log::Level::kInfo},
                                                        {"warn", log::Level::kWarn},
                                                        {"error", log::Level::kError}});
    config.log_format =
        Choice<log::Format>("LOG_FORMAT", {{"json", log::Format::kJson}, {"text", log::Format::kText}});
    config.shutdown_timeout = std::chrono::milliseconds(Integer("SHUTDOWN_TIMEOUT_MS", 1, 600'000));
    if (!faults_.empty()) return Unexpected(faults_);
    return config;
  }

  std::string DatabaseUrl() {
    const std::string url = Text("DATABASE_URL");
    const bool sqlite = url == "sqlite::memory:" || (url.rfind("sqlite://", 0) == 0 && url.size() > 9);
    const bool postgres = url.rfind("postgresql://", 0) == 0 || url.rfind("postgres://", 0) == 0;
    if (!sqlite && !postgres)
      Fault("DATABASE_URL", "must be sqlite://PATH, sqlite::memory: or a postgresql:// URL");
    if (postgres && !storage::IsPostgresUrl(url)) {
      Fault("DATABASE_URL",
            "is no valid PostgreSQL URL: percent-encode special characters in its user, password and name");
    }
    return url;
  }

  StripeApi ReadStripeApi() {
    StripeApi api;
    api.base = Text("STRIPE_API_BASE");
    while (api.base.ends_with('/')) api.base.pop_back();
    const bool secure = api.base.rfind("https://", 0) == 0;
    const std::string host = api.base.substr(0, 7) == "http://" ? api.base.substr(7) : "";
    const std::size_t port = host.rfind(':');
    const bool bracketed = !host.empty() && host.back() == ']';
    // The key would travel for everybody to read.
    if (!secure && !IsLoopback(WithoutBrackets(bracketed ? host : host.substr(0, port))))
      Fault("STRIPE_API_BASE", "must be an https:// address, without /v1 (http:// only to this machine)");
    api.key = Text("STRIPE_API_KEY");
    const bool live = api.key.find("_live_") != std::string::npos;
    const bool visible =
        std::all_of(api.key.begin(), api.key.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (api.key.empty()) {
      Fault("STRIPE_API_KEY", "is missing: set it to a secret key, or a restricted one that may read events");
    } else if (!visible || (!live && api.key.find("_test_") == std::string::npos)) {
      Fault("STRIPE_API_KEY", "must be a secret or restricted key of Stripe's, such as rk_live_...");
    }
    api.livemode = live;
    return api;
  }

  void CheckTenant(const std::string& tenant) {
    if (tenant == kDefaultTenant) return;
    for (const auto& [name, value] : environment_) {
      if (!value.empty() && name.rfind(kSecretPrefix, 0) == 0 &&
          LowerCase(name.substr(std::string(kSecretPrefix).size())) == tenant)
        return;
    }
    Fault("STRIPE_WEBHOOK_SECRET__NAME", "is missing for the tenant " + tenant + ": is its name right?");
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  void Fault(const std::string& name, const std::string& what) { faults_.push_back(name + " " + what); }

  // The variable's text, or its default. An empty variable counts as absent.
  std::string Text(const std::string& name) const {
    const auto set = environment_.find(name);
    if (set != environment_.end() && !set->second.empty()) return set->second;
    for (const Variable& variable : Variables()) {
      if (name == variable.name && variable.default_value != nullptr) return variable.default_value;
    }
    return "";
  }

  std::int64_t Integer(const char* name, std::int64_t least, std::int64_t most) {
    const std::string text = Text(name);
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < least ||
        value > most) {
      Fault(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
  }

  template <typename T>
  T Choice(const char* name, const std::vector<std::pair<const char*, T>>& choices) {
    const std::string text = Text(name);
    std::string known;
    for (const auto& [word, value] : choices) {
      if (text == word) return value;
      known += (known.empty() ? "" : ", ") + std::string(word);
    }
    Fault(name, "must be one of " + known);
    return choices.front().second;
  }

  void ReadSecretList(const std::string& variable, const std::string& text,
                      std::vector<std::string>& secrets) {
    for (const std::string& secret : Split(text, ',')) {
      if (secret.empty() || secret.find_first_of(" \t\r\n") != std::string::npos) {
        Fault(variable, "must be signing secrets separated by single commas, without blanks");
        return;
      }
      secrets.push_back(secret);
    }
  }

  void ReadSecrets(Config& config) {
    const std::string secrets = Text("STRIPE_WEBHOOK_SECRET");
    if (secrets.empty()) {
      Fault("STRIPE_WEBHOOK_SECRET",
            "is missing: set it to the endpoint's signing secret (whsec_...) from Stripe's dashboard");
    } else {
      ReadSecretList("STRIPE_WEBHOOK_SECRET", secrets, config.webhook_secrets[kDefaultTenant]);
    }
    for (const auto& [name, value] : environment_) {
      if (name.rfind(kSecretPrefix, 0) != 0 || value.empty()) continue;
      const std::string tenant = LowerCase(name.substr(std::string(kSecretPrefix).size()));
      if (!IsTenantName(tenant)) {
        Fault(name, "must end in a tenant's name: 1 to 64 letters, digits, '_' or '-'");
        continue;
      }
      if (config.webhook_secrets.count(tenant) == 1)
        Fault(name, "is for the tenant " + tenant + ", as another variable is: put all its secrets into one");
      ReadSecretList(name, value, config.webhook_secrets[tenant]);
    }
  }

  void ReadPublishUrl(Config& config) {
    const std::string url = Text("PUBLISH_URL");
    if (url.empty()) return;
    Result<publish::Destination, std::string> destination = publish::ReadDestination(url);
    if (destination) {
      config.publish_to = *std::move(destination);
    } else {
      Fault("PUBLISH_URL", destination.error());
    }
  }

  void ReadApiKeys(Config& config) {
    const std::string text = Text("API_KEYS");
    if (text.empty()) {
      if (!IsLoopback(config.host)) {
        Fault("API_KEYS",
              "is missing: without keys anybody who reaches HOST could read your billing data; set keys, or "
              "a loopback HOST");
      }
      return;
    }
    std::set<std::string> names;
    std::set<Digest> hashes;
    int number = 0;
    for (const std::string& item : Split(text, ',')) {
      // Who puts the parts in the wrong order has a key where a name belongs: faults tell the place alone.
      const std::string which = "entry " + std::to_string(++number);
      const std::optional<ApiKey> key = ReadApiKey(item, which, config);
      if (!key) continue;
      if (!names.insert(key->name).second) Fault("API_KEYS", which + " has the name of an earlier one");
      if (!hashes.insert(key->hash).second)
        Fault("API_KEYS", which + " has the key of an earlier one under another name");
      config.api_keys.push_back(*key);
    }
  }

  std::optional<ApiKey> ReadApiKey(const std::string& item, const std::string& which, const Config& config) {
    const std::vector<std::string> parts = Split(item, ':');
    if (parts.size() < 3 || parts.size() > 4 || parts[0].empty() || parts[2].empty()) {
      Fault("API_KEYS", which + " must be name:role:key[:tenant]; entries are separated by commas");
      return std::nullopt;
    }
    if (!IsVisible(parts[0]) || !IsVisible(parts[2])) {
      Fault("API_KEYS", which + " must have a name and a key of visible ASCII characters, without blanks");
      return std::nullopt;
    }
    ApiKey key;
    key.name = parts[0];
    key.hash = Sha256({parts[2]});
    key.guessable = parts[2].size() < kShortestSafeKey;
    key.tenant = parts.size() == 4 ? parts[3] : kDefaultTenant;
    const auto known_role = [&](Role role) { return parts[1] == NameOf(role); };
    const Role roles[] = {Role::kReader, Role::kOperator, Role::kAdmin};
    const auto* role = std::find_if(std::begin(roles), std::end(roles), known_role);
    if (role == std::end(roles)) {
      Fault("API_KEYS", which + " has no known role: use reader, operator or admin");
      return std::nullopt;
    }
    key.role = *role;
    if (key.tenant != kDefaultTenant && config.webhook_secrets.count(key.tenant) == 0) {
      Fault("API_KEYS", which + " has a tenant without STRIPE_WEBHOOK_SECRET__NAME");
      return std::nullopt;
    }
    return key;
  }

  void ReadTrustedProxies(Config& config) {
    const std::string text = Text("TRUSTED_PROXIES");
    if (text.empty()) return;
    for (const std::string& item : Split(text, ',')) {
      const std::optional<http::Network> network = http::ReadNetwork(item);
      if (!network) {
        Fault(
            "TRUSTED_PROXIES",
            "must be addresses, or networks such as 10.0.0.0/8 and fd00::/8 without bits beyond the prefix, "
            "separated by single commas; not everybody (/0)");
        return;
      }
      config.trusted_proxies.push_back(*network);
    }
  }

  // No "*": any page in the world could then try keys from its visitors' addresses, and ask a billhook that
  // only they reach.
  void ReadCorsOrigins(Config& config) {
    const std::string text = Text("CORS_ORIGINS");
    if (text.empty()) return;
    if (Text("API_KEYS").empty())
      Fault("CORS_ORIGINS", "needs API_KEYS: without keys no web page of another origin is let in");
    for (const std::string& origin : Split(text, ',')) {
      if (!http::IsOrigin(origin)) {
        Fault("CORS_ORIGINS",
              "must be origins as browsers write them, such as https://app.example.com, separated by single "
              "commas: in lower case, no path, no port that the scheme has anyway, no *");
        return;
      }
      config.cors_origins.push_back(origin);
    }
  }

  const Environment& environment_;
  std::vector<std::string> faults_;
};

}  // namespace

std::string_view NameOf(Role role) {
  constexpr std::string_view kNames[] = {"reader", "operator", "admin"};
  return kNames[static_cast<int>(role)];
}

const std::vector<Variable>& Variables() {
  static const std::vector<Variable> kVariables = {
      {"STRIPE_WEBHOOK_SECRET", nullptr,
       "signing secret(s) of the default tenant, comma separated: all are tried (rotation); required by "
       "serve"},
      {"STRIPE_WEBHOOK_SECRET__NAME", nullptr,
       "the same for tenant `name` (lower-cased), served at /webhooks/stripe/name"},
      {"STRIPE_WEBHOOK_TOLERANCE", "300", "seconds a signature's timestamp may be away from now, either way"},
      {"STRIPE_API_KEY", nullptr,
       "for backfill: a secret key of Stripe's, or a restricted one that may read events"},
      {"STRIPE_API_BASE", "https://api.stripe.com", "for backfill: Stripe's API, without /v1"},
      {"AUTO_MIGRATE", "true", "whether serve migrates the database first"},
      {"DATABASE_URL", "sqlite://data/billhook.db",
       "sqlite://PATH, sqlite::memory: or any libpq postgresql:// URL, several hosts included"},
      {"HOST", "127.0.0.1", "address to listen on"},
      {"PORT", "8080", "port to listen on; 0 picks a free one"},
      {"API_KEYS", nullptr,
       "name:role:key[:tenant], comma separated; roles reader < operator < admin. Without any, /api is open "
       "on a loopback HOST. serve warns of one that can be guessed: under 16 characters"},
      {"API_RATE_LIMIT", "0",
       "requests a second under /api for each key, and for each address without one; 0 = any number. "
       "Webhooks and preflights are never limited"},
      {"TRUSTED_PROXIES", nullptr,
       "addresses or networks of the proxies in front, comma separated: what comes from one is counted under "
       "the last address in its X-Forwarded-For that is none of them (`API_RATE_LIMIT`)"},
      {"CORS_ORIGINS", nullptr,
       "origins whose web pages may ask /api and read its answers, comma separated, such as "
       "https://app.example.com; without any, no page of another origin may. Needs API_KEYS"},
      {"MAX_BODY_BYTES", "1048576", "larger request bodies get 413"},
      {"HTTP_THREADS", "16",
       "requests handled at a time (idle or slow connections and webhooks that wait for their commit cost "
       "none); a quarter is kept for webhooks"},
      {"DB_POOL_SIZE", "8", "database sessions for reads"},
      {"APPEND_BATCH_MAX", "256", "webhooks committed together at most"},
      {"APPEND_LINGER_US", "800",
       "microseconds a commit waits at most for callers just answered to come again; who is alone never "
       "waits"},
      {"PROJECTION_BATCH", "256", "events per projection transaction"},
      {"SNAPSHOT_FREQUENCY", "100", "a snapshot of an aggregate every N events; 0 = never"},
      {"HTTP_REQUEST_TIMEOUT_MS", "15000", "for a whole request (headers and body) to arrive"},
      {"HTTP_IDLE_TIMEOUT_MS", "60000", "for an idle connection"},
      {"DUNNING_GRACE_SECONDS", "604800",
       "seconds a subscription's invoice may stay unpaid after a failed payment before access is suspended"},
      {"PUBLISH_URL", nullptr,
       "message broker that is sent every event: redis://[:password@]host:port/stream, "
       "amqp://user:password@host:port/vhost?exchange=name or kafka://host:port[,host:port]/topic"},
      {"LOG_LEVEL", "info", "debug, info, warn or error"},
      {"LOG_FORMAT", "json", "json or text, one line each, to standard error"},
      {"SHUTDOWN_TIMEOUT_MS", "10000", "for requests in flight to finish after SIGTERM or SIGINT"},
  };
  return kVariables;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

Result<Config, std::vector<std::string>> ReadConfig(const Environment& environment) {
  return Reader(environment).Read();
}

Result<std::string, std::string> ReadDatabaseUrl(const Environment& environment) {
  Reader reader(environment);
  std::string url = reader.DatabaseUrl();
  if (!reader.faults().empty()) return Unexpected(reader.faults().front());
  return url;
}

Result<StripeApi, std::vector<std::string>> ReadStripeApi(const Environment& environment,
                                                          const std::string& tenant) {
  Reader reader(environment);
  StripeApi api = reader.ReadStripeApi();
  reader.CheckTenant(tenant);
  if (!reader.faults().empty()) return Unexpected(reader.faults());
  return api;
}

bool IsTenantName(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

}  // namespace billhook
