// The path of an event, on threads that take turns, for valgrind to count the instructions of. `record` posts
// a history to the service's own routes, one request after the other; `project` then lets all projections
// catch up. Only this is counted, not what comes before and after; bench/instructions reads the counts.
#include <cstdio>
#include <string>
#include <vector>

#include <valgrind/callgrind.h>

#include "domain/stripe/signature.h"
#include "projections/registry.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "service/simulate/history.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"

namespace billhook {
namespace {

constexpr std::uint64_t kEvents = 1'000;
constexpr std::size_t kBatch = 250;
constexpr UnixMicros kNow = 1'800'000'000 * kMicrosPerSecond;
constexpr const char* kSecret = "whsec_benchmark";

std::vector<http::Request> Requests() {
  simulate::HistoryOptions options;
  options.events = kEvents;
  std::vector<http::Request> requests;
  for (std::string& body : simulate::GenerateHistory(options)) {
    http::Request request;
    request.method = "POST";
    request.path = "/webhooks/stripe";
    request.headers = {{"Stripe-Signature", stripe::SignatureHeader(kSecret, kNow / kMicrosPerSecond, body)},
                       {"Content-Type", "application/json; charset=utf-8"}};
    request.body = std::move(body);
    requests.push_back(std::move(request));
  }
  return requests;
}

bool Record(const Config& config) {
  std::vector<http::Request> requests = Requests();
  Service service(config, [] { return kNow; });
  CALLGRIND_START_INSTRUMENTATION;
  for (const http::Request& request : requests) {
    if (http::Await(service.api().Handle(request)).status != 200) return false;
  }
  CALLGRIND_DUMP_STATS;
  CALLGRIND_STOP_INSTRUMENTATION;
  return true;
}

void Project(const Config& config) {
  const auto database = storage::OpenDatabase(config.database_url, 1, storage::Ownership::kExclusive);
  storage::ReadModels read_models(*database);
  CALLGRIND_START_INSTRUMENTATION;
  for (bool more = true; more;) {
    more = false;
    for (const storage::Step& step : read_models.AdvanceTogether(AllProjections(), kBatch, kNow))
      more = more || step.more;
  }
  CALLGRIND_DUMP_STATS;
  CALLGRIND_STOP_INSTRUMENTATION;
}

}  // namespace
}  // namespace billhook

int main(int argc, char** argv) {
  const std::string part = argc == 3 ? argv[1] : "";
  if (part != "record" && part != "project") {
    std::fprintf(stderr, "usage: billhook_instructions record|project DIRECTORY\n");
    return 2;
  }
  const auto config =
      billhook::ReadConfig({{"DATABASE_URL", "sqlite://" + std::string(argv[2]) + "/billhook.db"},
                            {"STRIPE_WEBHOOK_SECRET", billhook::kSecret},
                            {"LOG_LEVEL", "error"}});
  if (!config) return 1;
  billhook::log::Configure(config->log_level, config->log_format);
  if (part == "project") {
    billhook::Project(*config);
  } else if (!billhook::Record(*config)) {
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(billhook::kEvents));
}
