#include "service/config.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace billhook::test {
namespace {

const Environment kLeast = {{"STRIPE_WEBHOOK_SECRET", "whsec_1"}};

Environment With(Environment environment, const std::string& name, const std::string& value) {
  environment[name] = value;
  return environment;
}

std::vector<std::string> FaultsOf(const Environment& environment) {
  const auto config = ReadConfig(environment);
  return config ? std::vector<std::string>() : config.error();
}

TEST(Configuration, NeedsNothingButASecret) {
  const auto config = ReadConfig(kLeast);
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->database_url, "sqlite://data/billhook.db");
  EXPECT_EQ(config->host, "127.0.0.1");
  EXPECT_EQ(config->port, 8080);
  EXPECT_EQ(config->webhook_tolerance_s, 300);
  EXPECT_TRUE(config->auto_migrate);
}

TEST(Configuration, ReportsEveryFaultAtOnceAndByName) {
  const std::vector<std::string> faults = FaultsOf({{"PORT", "99999"},
                                                    {"DATABASE_URL", "mysql://x"},
                                                    {"STRIPE_WEBHOOK_TOLERANCE", "0"},
                                                    {"LOG_LEVEL", "loud"},
                                                    {"AUTO_MIGRATE", "maybe"},
                                                    {"API_KEYS", "a:king:k"}});
  for (const char* name : {"STRIPE_WEBHOOK_SECRET", "PORT", "DATABASE_URL", "STRIPE_WEBHOOK_TOLERANCE",
                           "LOG_LEVEL", "AUTO_MIGRATE", "API_KEYS"}) {
    const bool named = std::any_of(faults.begin(), faults.end(),
                                   [&](const std::string& fault) { return fault.rfind(name, 0) == 0; });
    EXPECT_TRUE(named) << name;
  }
  EXPECT_EQ(faults.size(), 7U);
}

TEST(Configuration, NamesEachVariableThatHoldsNoNumberOfItsRange) {
  for (const char* name :
       {"STRIPE_WEBHOOK_TOLERANCE", "PORT", "API_RATE_LIMIT", "MAX_BODY_BYTES", "HTTP_THREADS",
        "DB_POOL_SIZE", "APPEND_BATCH_MAX", "APPEND_LINGER_US", "PROJECTION_BATCH", "SNAPSHOT_FREQUENCY",
        "HTTP_REQUEST_TIMEOUT_MS", "HTTP_IDLE_TIMEOUT_MS", "DUNNING_GRACE_SECONDS", "SHUTDOWN_TIMEOUT_MS"}) {
    for (const char* value : {"x", "-1", "1.5", "99999999999999999999", " 1"}) {
      const std::vector<std::string> faults = FaultsOf(With(kLeast, name, value));
      ASSERT_EQ(faults.size(), 1U) << name << "=" << value;
      EXPECT_EQ(faults.front().rfind(name, 0), 0U) << faults.front();
    }
  }
}

TEST(Configuration, PublishesWhereItIsToldToAndElseNowhere) {
  EXPECT_FALSE(ReadConfig(kLeast)->publish_to);
  const auto config = ReadConfig(With(kLeast, "PUBLISH_URL", "redis://:secret@cache:6379/billing"));
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->publish_to->Label(), "redis/billing");
  const std::vector<std::string> faults = FaultsOf(With(kLeast, "PUBLISH_URL", "redis://:hunter2@cache"));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults.front().rfind("PUBLISH_URL must ", 0), 0U) << faults.front();
  EXPECT_EQ(faults.front().find("hunter2"), std::string::npos);
}

TEST(Configuration, ReadsSecretsOfSeveralTenants) {
  const auto config = ReadConfig(
      {{"STRIPE_WEBHOOK_SECRET", "whsec_1,whsec_2"}, {"STRIPE_WEBHOOK_SECRET__ACME_EU", "whsec_3"}});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->webhook_secrets.at("default"), (std::vector<std::string>{"whsec_1", "whsec_2"}));
  EXPECT_EQ(config->webhook_secrets.at("acme_eu"), std::vector<std::string>{"whsec_3"});
  EXPECT_FALSE(FaultsOf(With(kLeast, "STRIPE_WEBHOOK_SECRET", "whsec_1, whsec_2")).empty())
      << "a blank is no part of a secret";
  EXPECT_FALSE(FaultsOf(With(kLeast, "STRIPE_WEBHOOK_SECRET", "whsec_1,,whsec_2")).empty());
  EXPECT_FALSE(FaultsOf(With(kLeast, "STRIPE_WEBHOOK_SECRET__A.B", "whsec_1")).empty());
  EXPECT_FALSE(FaultsOf(With(kLeast, "STRIPE_WEBHOOK_SECRET__DEFAULT", "whsec_2")).empty());
  EXPECT_FALSE(FaultsOf(With(With(kLeast, "STRIPE_WEBHOOK_SECRET__ACME", "whsec_2"),
                             "STRIPE_WEBHOOK_SECRET__acme", "whsec_3"))
                   .empty());
}

TEST(Configuration, KeepsOfAKeyOnlyItsHash) {
  const auto config = ReadConfig(With(With(kLeast, "STRIPE_WEBHOOK_SECRET__ACME", "whsec_3"), "API_KEYS",
                                      "r:reader:one,a:admin:two:acme"));
  ASSERT_TRUE(config.has_value());
  ASSERT_EQ(config->api_keys.size(), 2U);
  EXPECT_EQ(config->api_keys[0].hash, Sha256({"one"}));
  EXPECT_EQ(config->api_keys[0].tenant, "default");
  EXPECT_EQ(config->api_keys[1].role, Role::kAdmin);
  EXPECT_EQ(config->api_keys[1].tenant, "acme");
}

TEST(Configuration, RefusesKeysThatCannotBeMeant) {
  for (const char* keys :
       {"a", "a:reader", "a:reader:", ":reader:k", "a:king:k", "a:reader:k:nobody", "a:reader:k,a:reader:l",
        "a:reader:k,b:reader:k", "a:reader:k:default:x", "a:reader:k,", "a b:reader:k", "a:reader:k l",
        "a\xff:reader:k", "a\n:reader:k", "a:reader:k\t"}) {
    EXPECT_FALSE(FaultsOf(With(kLeast, "API_KEYS", keys)).empty()) << keys;
  }
}

TEST(Configuration, RefusesToBeOpenBeyondTheLoopbackWithoutKeys) {
  EXPECT_EQ(FaultsOf(With(kLeast, "HOST", "0.0.0.0")).size(), 1U);
  EXPECT_EQ(FaultsOf(With(kLeast, "HOST", "127.evil.example")).size(), 1U);
  EXPECT_TRUE(FaultsOf(With(kLeast, "HOST", "127.0.0.2")).empty());
  EXPECT_TRUE(FaultsOf(With(kLeast, "HOST", "[::1]")).empty());
  EXPECT_TRUE(FaultsOf(With(kLeast, "HOST", "::1")).empty());
  EXPECT_TRUE(FaultsOf(With(With(kLeast, "HOST", "0.0.0.0"), "API_KEYS", "a:reader:k")).empty());
}

TEST(Configuration, TrustsNoProxyButThoseThatAreListed) {
  EXPECT_TRUE(ReadConfig(kLeast)->trusted_proxies.empty());
  const auto config = ReadConfig(With(kLeast, "TRUSTED_PROXIES", "10.0.0.0/8,::1,192.0.2.7"));
  ASSERT_TRUE(config.has_value());
  ASSERT_EQ(config->trusted_proxies.size(), 3U);
  EXPECT_TRUE(config->trusted_proxies[0].Has(*http::ReadAddress("10.1.2.3")));
  for (const char* proxies : {"*", "10.0.0.0/0", "10.0.0.0/8,", "10.0.0.0/8, ::1", "nginx", "10.0.0.1/8"}) {
    const std::vector<std::string> faults = FaultsOf(With(kLeast, "TRUSTED_PROXIES", proxies));
    ASSERT_EQ(faults.size(), 1U) << proxies;
    EXPECT_EQ(faults.front().rfind("TRUSTED_PROXIES must ", 0), 0U) << faults.front();
  }
}

TEST(Configuration, AllowsNoOriginButThoseThatAreListed) {
  EXPECT_TRUE(ReadConfig(kLeast)->cors_origins.empty());
  const Environment keyed = With(kLeast, "API_KEYS", "a:reader:k");
  const auto config =
      ReadConfig(With(keyed, "CORS_ORIGINS", "https://app.example.com,http://localhost:3000"));
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->cors_origins,
            (std::vector<std::string>{"https://app.example.com", "http://localhost:3000"}));
  for (const char* origins : {"*", "null", "https://a,*", "https://a,", "https://a, https://b", "a",
                              "https://a/", "https://A", "https://*.a", "https://a;https://b"}) {
    const std::vector<std::string> faults = FaultsOf(With(keyed, "CORS_ORIGINS", origins));
    ASSERT_EQ(faults.size(), 1U) << origins;
    EXPECT_EQ(faults.front().rfind("CORS_ORIGINS must ", 0), 0U) << faults.front();
  }
  EXPECT_EQ(FaultsOf(With(kLeast, "CORS_ORIGINS", "https://a")).size(), 1U) << "without keys it does nothing";
}

TEST(Configuration, NeverRepeatsASecretInAFault) {
  for (const std::string& fault :
       FaultsOf({{"STRIPE_WEBHOOK_SECRET", "whsec_xyzzy abc"}, {"API_KEYS", "a:king:hunter2"}})) {
    EXPECT_EQ(fault.find("xyzzy"), std::string::npos) << fault;
    EXPECT_EQ(fault.find("hunter2"), std::string::npos) << fault;
  }
}

TEST(Configuration, NeverRepeatsAKeyThatStandsInAnotherPartsPlace) {
  for (const char* keys : {"hunter2:shop:reader", "shop:hunter2:reader", "hunter2:reader:a,hunter2:reader:b",
                           "hunter2:reader:a,b:reader:a", "shop:reader:a:hunter2", "hunter2:reader"}) {
    const std::vector<std::string> faults = FaultsOf(With(kLeast, "API_KEYS", keys));
    EXPECT_FALSE(faults.empty()) << keys;
    for (const std::string& fault : faults) EXPECT_EQ(fault.find("hunter2"), std::string::npos) << fault;
  }
}

TEST(Configuration, NeverRepeatsTheDatabasesPasswordInAFault) {
  for (const char* url : {"postgresql://u:xyzzy@[::1/db", "postgresql://u:xyzzy/x@host/db",
                          "postgresql://u:xyzzy%zz@host/db", "postgresql://u:p@host/db?xyzzy"}) {
    const std::vector<std::string> faults = FaultsOf(With(kLeast, "DATABASE_URL", url));
    ASSERT_EQ(faults.size(), 1U) << url;
    EXPECT_EQ(faults.front().rfind("DATABASE_URL", 0), 0U);
    EXPECT_EQ(faults.front().find("xyzzy"), std::string::npos) << faults.front();
  }
  EXPECT_TRUE(
      FaultsOf(With(kLeast, "DATABASE_URL", "postgresql://u:p@a:5432,b:5433/db?target_session_attrs=any"))
          .empty());
}

TEST(Configuration, AsksStripesOwnApiUnlessToldOtherwise) {
  const auto api = ReadStripeApi({{"STRIPE_API_KEY", "rk_live_1"}}, "default");
  ASSERT_TRUE(api.has_value());
  EXPECT_EQ(api->base, "https://api.stripe.com");
  EXPECT_TRUE(api->livemode);
  const auto local =
      ReadStripeApi({{"STRIPE_API_KEY", "sk_test_1"}, {"STRIPE_API_BASE", "http://127.0.0.1:9/"}}, "default");
  ASSERT_TRUE(local.has_value());
  EXPECT_EQ(local->base, "http://127.0.0.1:9");
  EXPECT_FALSE(local->livemode);
}

TEST(Configuration, RefusesAKeyOfNoKindAPlainWayToStripeAndATenantThatNobodyHas) {
  const auto faults = [](const char* key, const char* base, const char* tenant) {
    const auto api = ReadStripeApi(
        {{"STRIPE_API_KEY", key}, {"STRIPE_API_BASE", base}, {"STRIPE_WEBHOOK_SECRET__ACME", "whsec_3"}},
        tenant);
    if (!api) {
      EXPECT_EQ(api.error().front().find("xyzzy"), std::string::npos) << api.error().front();
    }
    return api ? 0U : api.error().size();
  };
  EXPECT_EQ(faults("sk_test_1", "http://[::1]:9", "acme"), 0U);
  EXPECT_EQ(faults("sk_test_1", "http://localhost", "default"), 0U);
  for (const char* key : {"", "xyzzy", "pk_xyzzy", "sk_test_xyzzy 1"})
    EXPECT_EQ(faults(key, "https://api.stripe.com", "default"), 1U) << key;
  for (const char* base :
       {"http://api.stripe.com", "http://127.0.0.1.evil.example", "api.stripe.com", "ftp://x"})
    EXPECT_EQ(faults("sk_test_1", base, "default"), 1U) << base;
  EXPECT_EQ(faults("sk_test_1", "", "acm"), 1U);
}

TEST(Configuration, IsWhatTheExampleSays) {
  std::ifstream file(test::SourceDirectory() + "/.env.example");
  ASSERT_TRUE(file) << ".env.example is missing";
  std::ostringstream text;
  text << file.rdbuf();
  const std::string example = text.str();
  std::string expected;
  for (const Variable& variable : Variables()) {
    expected += "\n# " + std::string(variable.meaning) + "\n";
    expected += variable.default_value == nullptr
                    ? "# " + std::string(variable.name) + "=\n"
                    : std::string(variable.name) + "=" + variable.default_value + "\n";
  }
  const std::size_t start = example.find("\n\n# ");
  ASSERT_NE(start, std::string::npos);
  EXPECT_EQ(example.substr(start + 1), expected);
}

TEST(Configuration, IsWhatTheReadmeSays) {
  std::ifstream file(test::SourceDirectory() + "/README.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (const Variable& variable : Variables()) {
    const std::string row =
        "| `" + std::string(variable.name) + "` | " +
        (variable.default_value == nullptr ? "" : "`" + std::string(variable.default_value) + "`");
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
  }
}

TEST(LogLine, IsOneLineWhateverItHolds) {
  const log::Fields fields = {{"error", "two\nlines \xff"}};
  const std::string json =
      log::Line(log::Level::kWarn, log::Format::kJson, "a\nb", fields, 1'767'225'600'000'000);
  EXPECT_EQ(json,
            "{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"warn\",\"message\":\"a\\nb\",\"error\":"
            "\"two\\nlines \xEF\xBF\xBD\"}");
  const std::string text = log::Line(log::Level::kInfo, log::Format::kText, "listening", {{"address", "x"}},
                                     1'767'225'600'000'000);
  EXPECT_EQ(text, "2026-01-01T00:00:00Z info listening address=\"x\"");
}

}  // namespace
}  // namespace billhook::test
