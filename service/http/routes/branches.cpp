// POST and GET /api/v1/branches, GET and DELETE /api/v1/branches/{name}, POST
// /api/v1/branches/{name}/events: alternative timelines. What they tell is read with `?branch=NAME`
// elsewhere.
#include "service/branches/branches.h"

#include <nlohmann/json.hpp>

#include "service/http/routes/posted_events.h"
#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

using branches::Branch;

Response NotFound() {
  return Problem(404, "branch_not_found", "There is no such branch. GET /api/v1/branches lists them.");
}

std::string BodyOf(const Branch& branch) {
  return nlohmann::ordered_json({{"name", branch.name},
                                 {"from_position", branch.from_position},
                                 {"created_at", FormatRfc3339(branch.created_at)},
                                 {"events", branch.events}})
      .dump();
}

Response Shown(const Branch& branch, int status) {
  Response response;
  response.status = status;
  response.body = BodyOf(branch);
  return response;
}

Response Create(Call& call, Services& services) {
  const Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  std::vector<InputError> errors;
  ObjectReader reader(*body, "", errors);
  reader.RefuseUnknown({"name", "from_position", "from_time"});
  const std::optional<std::string> name = reader.Identifier("name", true);
  if (name && !branches::IsName(*name))
    reader.Fault("name", "Must be 1 to 64 lower-case letters, digits and hyphens.");
  const branches::Fork fork = {reader.Integer("from_position", 0), reader.Time("from_time")};
  if (reader.Has("from_position") && reader.Has("from_time"))
    reader.Fault("from_time", "Cannot be given together with from_position.");
  if (!errors.empty()) return Problem(422, "body_invalid", "The body is invalid.", errors);

  const Result<Branch, branches::CreateRefusal> branch =
      branches::Create(services.database, call.caller.tenant, *name, fork, services.clock());
  if (branch) return Shown(*branch, 201);
  switch (branch.error()) {
    case branches::CreateRefusal::kAlreadyExists:
      return Problem(409, "already_exists",
                     "There is a branch of this name: delete it, or take another name.");
    case branches::CreateRefusal::kTooMany:
      return Problem(409, "too_many_branches",
                     "There are " + std::to_string(branches::kMaxBranches) + " branches: delete one first.");
    case branches::CreateRefusal::kBeyondHead:
      break;
  }
  return Problem(422, "body_invalid", "The body is invalid.",
                 {{"/from_position", "Must not lie beyond the last event of the log."}});
}

Response List(Call& call, Services& services) {
  const query::PageRequest request = PageRequestOf(call, 1);
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const std::string after = request.after.empty() ? "" : request.after.front();
  query::Page page;
  for (const Branch& branch :
       branches::List(services.database, call.caller.tenant, after, request.limit + 1)) {
    if (!AddToPage(page, request, BodyOf(branch), {branch.name})) break;
  }
  Response response;
  response.body = query::ListBody(page);
  return response;
}

Response Get(Call& call, Services& services) {
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const std::optional<Branch> branch =
      branches::Find(services.database, call.caller.tenant, call.path_parameters[0]);
  return branch ? Shown(*branch, 200) : NotFound();
}

Response Remove(Call& call, Services& services) {
  if (std::optional<Response> refusal = RefuseBody(call)) return *std::move(refusal);
  if (!branches::Remove(services.database, call.caller.tenant, call.path_parameters[0])) return NotFound();
  Response response;
  response.status = 204;
  return response;
}

// Whole Stripe events that the branch, or the log up to its fork, has had before.
std::string Duplicates(const std::vector<AppendRequest>& requests,
                       const std::vector<AppendOutcome>& outcomes) {
  nlohmann::ordered_json duplicates = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (const auto* duplicate = std::get_if<Duplicate>(&outcomes[i]))
      duplicates.push_back(
          {{"event_id", *requests[i].front().event.caused_by}, {"position", duplicate->position}});
  }
  return R"(,"duplicates":)" + duplicates.dump();
}

// The body as requests: whole Stripe events one by one, others all or none.
Result<std::vector<AppendRequest>, std::vector<InputError>> Posted(const Json& body, Call& call,
                                                                   UnixMicros now) {
  if (body.contains("stripe_events")) return PostedStripeEvents(body, call.request.body, call.caller, now);
  Result<AppendRequest, std::vector<InputError>> request =
      PostedEvents(body, call.request.body, call.caller, now);
  if (!request) return Unexpected(request.error());
  return std::vector<AppendRequest>{*std::move(request)};
}

Response PostEvents(Call& call, Services& services) {
  const Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  const UnixMicros now = services.clock();
  const Result<std::vector<AppendRequest>, std::vector<InputError>> requests = Posted(*body, call, now);
  if (!requests) return Problem(422, "event_invalid", "The events are invalid.", requests.error());
  const Result<branches::Appended, branches::AppendRefusal> appended =
      branches::Append(services.database, call.caller.tenant, call.path_parameters[0], *requests, now);
  if (!appended && appended.error() == branches::AppendRefusal::kNotFound) return NotFound();
  if (!appended) {
    return Problem(409, "branch_full",
                   "A branch holds at most " + std::to_string(branches::kMaxEvents) + " events and " +
                       std::to_string(branches::kMaxPayloadBytes >> 20) + " MiB: nothing was added.");
  }
  std::int64_t recorded = 0;
  for (const AppendOutcome& outcome : appended->outcomes) {
    if (const auto* conflict = std::get_if<VersionConflict>(&outcome))
      return VersionConflictProblem(*conflict);
    if (const auto* events = std::get_if<Recorded>(&outcome))
      recorded += static_cast<std::int64_t>(events->positions.size());
  }
  const Branch& branch = appended->branch;
  const std::vector<RecordedEvent> events =
      query::ReadRange(services.database, branch.head() - recorded + 1, branch.head(), branch.timeline());
  Response response =
      EventsRecorded(events, branch.head(),
                     body->contains("stripe_events") ? Duplicates(*requests, appended->outcomes) : "");
  if (recorded == 0) response.status = 200;
  return response;
}

}  // namespace

void AddBranchRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/branches", Role::kOperator, {}, [&services](Call& call) {
             return Create(call, services);
           }});
  api.Add({"GET", "/api/v1/branches", Role::kOperator, ListParameters({}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/branches/{name}", Role::kOperator, ReadParameters({}),
           [&services](Call& call) { return Get(call, services); }});
  api.Add({"DELETE", "/api/v1/branches/{name}", Role::kOperator, {}, [&services](Call& call) {
             return Remove(call, services);
           }});
  api.Add({"POST", "/api/v1/branches/{name}/events", Role::kOperator, {}, [&services](Call& call) {
             return PostEvents(call, services);
           }});
}

}  // namespace billhook::http
