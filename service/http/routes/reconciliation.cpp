// GET /api/v1/reconciliation: which stretches of time backfills have held against Stripe's list of events.
#include <nlohmann/json.hpp>

#include "service/backfill/runs.h"
#include "service/http/routes/reading.h"

namespace billhook::http {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kRunsShown = 20;

std::string TimeText(std::int64_t seconds) {
  return FormatRfc3339(seconds * kMicrosPerSecond);
}

OrderedJson TimeOrNull(const std::optional<UnixMicros>& at) {
  return at ? OrderedJson(FormatRfc3339(*at)) : OrderedJson(nullptr);
}

OrderedJson BodyOf(const backfill::Stretch& stretch) {
  return {{"from", TimeText(stretch.from)}, {"to", TimeText(stretch.to)}};
}

OrderedJson BodyOf(const backfill::Run& run) {
  return {{"run_id", run.id},
          {"since", TimeText(run.since_s)},
          {"from", TimeText(run.from_s)},
          {"to", TimeText(run.until_s)},
          {"walked_to", TimeText(run.walked_until_s)},
          {"listed", run.listed},
          {"duplicates", run.listed - run.recorded},
          {"recorded", run.recorded},
          {"missed_from", TimeOrNull(run.missed_from)},
          {"missed_to", TimeOrNull(run.missed_to)},
          {"started_at", FormatRfc3339(run.started_at)},
          {"updated_at", FormatRfc3339(run.updated_at)},
          {"finished_at", TimeOrNull(run.finished_at)}};
}

Response Reconcile(Call& call, Services& services) {
  const bool livemode = call.query.Boolean("livemode").value_or(true);
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  backfill::Runs runs(services.database);
  const std::string& tenant = call.caller.tenant;
  const backfill::Coverage coverage =
      runs.ReadCoverage(tenant, livemode, services.clock() / kMicrosPerSecond);
  OrderedJson body = {{"livemode", livemode},
                      {"checked", OrderedJson::array()},
                      {"gaps", OrderedJson::array()},
                      {"runs", OrderedJson::array()}};
  for (const backfill::Stretch& stretch : coverage.checked) body["checked"].push_back(BodyOf(stretch));
  for (const backfill::Gap& gap : coverage.gaps) {
    OrderedJson told = BodyOf(gap.stretch);
    told["reason"] = gap.beyond_retention ? "beyond_retention" : "not_walked";
    body["gaps"].push_back(std::move(told));
  }
  for (const backfill::Run& run : runs.List(tenant, livemode, kRunsShown))
    body["runs"].push_back(BodyOf(run));
  Response response;
  response.body = body.dump();
  return response;
}

}  // namespace

void AddReconciliationRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/reconciliation", Role::kReader, ReadParameters({"livemode"}),
           [&services](Call& call) { return Reconcile(call, services); }});
}

}  // namespace billhook::http
