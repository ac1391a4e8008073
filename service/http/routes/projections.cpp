// GET /api/v1/projections[/{name}[/state]], POST /api/v1/projections/{name}/rebuild.
#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/dead_letters_query.h"
#include "service/query/state_query.h"

namespace billhook::http {
namespace {

template <typename T>
nlohmann::ordered_json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json BodyOf(const storage::ProjectionStatus& status, UnixMicros now) {
  nlohmann::ordered_json rebuild = nullptr;
  if (status.rebuild) {
    const storage::RebuildPace pace = storage::PaceOf(*status.rebuild, now);
    rebuild = {{"processed", status.rebuild->processed},
               {"total", status.rebuild->total},
               {"started_at", FormatRfc3339(status.rebuild->started_at)},
               {"rate_per_second", pace.rate_per_second},
               {"remaining_seconds", OrNull(pace.remaining_seconds)}};
  }
  const char* state = status.rebuild ? "rebuilding" : status.last_error ? "stopped" : "running";
  return {{"name", status.name},
          {"version", status.version},
          {"position", status.position},
          {"lag", status.head - status.position},
          {"status", state},
          {"dead_letters", status.dead_letters},
          {"last_error", OrNull(status.last_error)},
          {"rebuild", rebuild}};
}

// The log is one for all tenants, and so is a projection's place in it; what it could not use is the caller's
// own.
std::optional<storage::ProjectionStatus> StatusFor(const Call& call, Services& services,
                                                   const std::string& name) {
  std::optional<storage::ProjectionStatus> status = services.read_models.StatusOf(name);
  if (status) status->dead_letters = query::CountDeadLetters(services.database, call.caller.tenant, name);
  return status;
}

Response NotFound() {
  return Problem(404, "not_found", "There is no such projection. GET /api/v1/projections lists them.");
}

Response List(Call& call, Services& services) {
  const query::PageRequest request = PageRequestOf(call, 1);
  if (std::optional<Response> refusal = AwaitAllProjections(call, services)) return *refusal;
  query::Page page;
  bool passed = request.after.empty();
  for (const Projection* projection : services.projector.projections()) {
    const std::string name(projection->name());
    const auto status = passed ? StatusFor(call, services, name) : std::nullopt;
    if (status && !AddToPage(page, request, BodyOf(*status, services.clock()).dump(), {name})) break;
    passed = passed || request.after.front() == name;
  }
  Response response;
  response.body = query::ListBody(page);
  return response;
}

Response Show(const Call& call, Services& services) {
  const auto status = StatusFor(call, services, call.path_parameters[0]);
  if (!status) return NotFound();
  Response response;
  response.body = BodyOf(*status, services.clock()).dump();
  return response;
}

Response Get(Call& call, Services& services) {
  const std::string& name = call.path_parameters[0];
  if (services.projector.Find(name) == nullptr) return NotFound();
  if (std::optional<Response> refusal = AwaitProjection(call, services, name)) return *refusal;
  return Show(call, services);
}

Response Rebuild(Call& call, Services& services) {
  if (std::optional<Response> refusal = RefuseBody(call)) return *std::move(refusal);
  const Projection* projection = services.projector.Find(call.path_parameters[0]);
  if (projection == nullptr) return NotFound();
  switch (services.read_models.StartRebuild(*projection, services.clock())) {
    case storage::RebuildStart::kUnderWay:
      return Problem(409, "rebuild_under_way", "This projection is being rebuilt already.");
    case storage::RebuildStart::kSuperseded:
      return Problem(409, "projection_superseded",
                     "A newer release made what readers see, or is making it. To go back, run billhook "
                     "rebuild of this one.");
    case storage::RebuildStart::kBegun:
      break;
  }
  services.projector.Wake();
  Response response = Show(call, services);
  response.status = 202;
  return response;
}

Response StateResponse(const query::StateView& view, const query::State& state) {
  std::string body = R"({"projection":)" + nlohmann::json(view.name).dump() + R"(,"position":)" +
                     std::to_string(state.position) + R"(,"state":{)";
  for (std::size_t i = 0; i < state.entries.size(); ++i) {
    if (i > 0) body += ',';
    body += nlohmann::json(state.entries[i].first).dump() + ":" + state.entries[i].second;
  }
  body += state.has_more ? R"(},"has_more":true,"next_cursor":")" + query::EncodeCursor(state.last) + "\"}"
                         : R"(},"has_more":false,"next_cursor":null})";
  return ReadModelResponse(std::move(body), state.position);
}

Response GetState(Call& call, Services& services) {
  const query::StateView* view = query::FindStateView(call.path_parameters[0]);
  if (view == nullptr) return NotFound();
  const query::PageRequest page = PageRequestOf(call, query::kStateKeyParts);
  storage::Timeline timeline;
  if (std::optional<Response> refusal =
          AwaitProjectionOn(call, services, std::string(view->projection), timeline))
    return *refusal;
  const std::optional<std::string> key = call.query.Text("key");
  const std::string& tenant = call.caller.tenant;
  if (!key) return StateResponse(*view, query::ListState(services.database, *view, tenant, page, timeline));

  const query::State found = query::FindState(services.database, *view, tenant, *key, timeline);
  if (found.entries.empty()) return Problem(404, "not_found", "There is no such key in this read model.");
  if (found.entries.size() > 1)
    return Problem(422, "key_ambiguous",
                   "Several rows have this ID: write live/ACCOUNT/ID or test/ACCOUNT/ID.");
  const auto& [name, value] = found.entries.front();
  return ReadModelResponse(R"({"projection":)" + nlohmann::json(view->name).dump() + R"(,"position":)" +
                               std::to_string(found.position) + R"(,"key":)" + nlohmann::json(name).dump() +
                               R"(,"value":)" + value + "}",
                           found.position);
}

}  // namespace

void AddProjectionRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/projections", Role::kReader, ListParameters({}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/projections/{name}", Role::kReader, ReadParameters({}),
           [&services](Call& call) { return Get(call, services); }});
  api.Add({"GET", "/api/v1/projections/{name}/state", Role::kReader, ListParameters({"key", "branch"}),
           [&services](Call& call) { return GetState(call, services); }});
  api.Add({"POST", "/api/v1/projections/{name}/rebuild", Role::kOperator, {}, [&services](Call& call) {
             return Rebuild(call, services);
           }});
}

}  // namespace billhook::http
