// The configuration. Input: an environment, NAME=VALUE a line.
#include <algorithm>

#include "domain/check.h"
#include "service/config.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT

namespace {

// Secrets of the seeds hold it.
constexpr const char* kSecret = "xyzzy";

// A fault names a variable that there is, and repeats nothing of any value.
void CheckFault(const std::string& fault) {
  const std::string name = fault.substr(0, fault.find(' '));
  const bool known = name.starts_with("STRIPE_WEBHOOK_SECRET__") ||
                     std::any_of(Variables().begin(), Variables().end(),
                                 [&name](const Variable& variable) { return name == variable.name; });
  BILLHOOK_CHECK(known && fault.size() > name.size() + 1);
  BILLHOOK_CHECK(fault.find(kSecret, name.size()) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = test::AsText(data, size);
  Environment environment;
  while (!text.empty()) {
    std::string_view line = test::TakeUpTo(text, '\n');
    const std::string name(test::TakeUpTo(line, '='));
    // An environment holds neither NUL nor a variable without a name; a name with a blank would end before
    // its end.
    if (!name.empty() && name.find(' ') == std::string::npos && name.find('\0') == std::string::npos &&
        line.find('\0') == std::string_view::npos)
      environment[name] = line;
  }
  if (const auto stripe = ReadStripeApi(environment, "default")) {
    BILLHOOK_CHECK(!stripe->key.empty() && stripe->base.starts_with("http"));
  } else {
    for (const std::string& fault : stripe.error()) CheckFault(fault);
  }
  const Result<Config, std::vector<std::string>> config = ReadConfig(environment);
  if (!config) {
    BILLHOOK_CHECK(!config.error().empty());
    for (const std::string& fault : config.error()) CheckFault(fault);
    return 0;
  }
  BILLHOOK_CHECK(config->webhook_secrets.count("default") == 1);
  for (const auto& [tenant, secrets] : config->webhook_secrets) {
    BILLHOOK_CHECK(IsTenantName(tenant) && !secrets.empty());
    for (const std::string& secret : secrets) BILLHOOK_CHECK(!secret.empty());
  }
  for (const ApiKey& key : config->api_keys) BILLHOOK_CHECK(config->webhook_secrets.count(key.tenant) == 1);
  BILLHOOK_CHECK(config->port >= 0 && config->port <= 65'535 && config->http_threads >= 1 &&
                 config->db_pool_size >= 1 && config->append_batch_max >= 1 &&
                 config->projection_batch >= 1 && config->webhook_tolerance_s >= 1);
  const Result<std::string, std::string> url = ReadDatabaseUrl(environment);
  BILLHOOK_CHECK(url && *url == config->database_url);
  return 0;
}
