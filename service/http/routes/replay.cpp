// POST /api/v1/replay and /api/v1/temporal-query: what an aggregate was, from its stream. POST
// /api/v1/snapshots and GET /api/v1/snapshots/{aggregate_id}: what makes that cheap.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/temporal_query.h"
#include "service/snapshots/snapshots.h"

namespace billhook::http {
namespace {

// A body that has been read, or all its faults.
struct Asked {
  query::Stream stream;
  query::Bounds bounds;
  bool use_snapshot = true;
  query::Window window;
  query::PageRequest page;
};

std::optional<query::AsOf::Axis> AxisIn(ObjectReader& reader, const Json& body) {
  if (!reader.Has("time_axis")) return std::nullopt;
  const Json& axis = body.at("time_axis");
  if (axis == "occurred") return query::AsOf::Axis::kOccurred;
  if (axis == "recorded") return query::AsOf::Axis::kRecorded;
  reader.Fault("time_axis", "Must be occurred or recorded.");
  return std::nullopt;
}

void ReadStream(ObjectReader& reader, const Caller& caller, Asked& asked) {
  asked.stream.tenant = caller.tenant;
  asked.stream.aggregate_id = reader.Identifier("aggregate_id", true).value_or("");
  asked.stream.aggregate_type = reader.Identifier("aggregate_type", false).value_or("");
}

void ReadScope(ObjectReader& reader, const Json& body, Asked& asked) {
  asked.bounds.livemode = reader.Boolean("livemode");
  if (!reader.Has("account")) return;
  // The platform's own objects have no account.
  if (body.at("account").is_null()) {
    asked.bounds.account = "";
  } else {
    asked.bounds.account = reader.Identifier("account", false);
  }
}

Asked ReadReplay(const Json& body, const Caller& caller, std::vector<InputError>& errors) {
  Asked asked;
  ObjectReader reader(body, "", errors);
  reader.RefuseUnknown({"aggregate_id", "aggregate_type", "livemode", "account", "from_sequence",
                        "to_version", "as_of", "time_axis", "use_snapshot"});
  ReadStream(reader, caller, asked);
  ReadScope(reader, body, asked);
  // From 0 on is from the first event on: many count so.
  asked.bounds.from_version = std::max<std::int64_t>(1, reader.Integer("from_sequence", 0).value_or(1));
  asked.bounds.to_version = reader.Integer("to_version", 0);
  asked.use_snapshot = reader.Boolean("use_snapshot").value_or(true);
  const std::optional<query::AsOf::Axis> axis = AxisIn(reader, body);
  if (axis && !reader.Has("as_of")) reader.Fault("time_axis", "Has a meaning only beside as_of.");
  if (const std::optional<UnixMicros> at = reader.Time("as_of"))
    asked.bounds.as_of = {*at, axis.value_or(query::AsOf::Axis::kOccurred)};
  return asked;
}

Asked ReadTemporal(const Json& body, const Caller& caller, std::vector<InputError>& errors) {
  Asked asked;
  ObjectReader reader(body, "", errors);
  reader.RefuseUnknown({"aggregate_id", "aggregate_type", "livemode", "account", "from_time", "to_time",
                        "time_axis", "limit", "cursor"});
  ReadStream(reader, caller, asked);
  ReadScope(reader, body, asked);
  asked.window.from = reader.Time("from_time");
  asked.window.to = reader.Time("to_time");
  asked.window.axis = AxisIn(reader, body).value_or(query::AsOf::Axis::kOccurred);
  if (asked.window.from && asked.window.to && *asked.window.from > *asked.window.to)
    reader.Fault("from_time", "Must not lie after to_time.");
  if (asked.window.to) asked.bounds.as_of = {*asked.window.to, asked.window.axis};
  const auto most = static_cast<std::int64_t>(query::kMaxWindowEvents);
  const std::int64_t limit = reader.Integer("limit", 1).value_or(most);
  if (limit > most) reader.Fault("limit", "Must be at most " + std::to_string(most) + ".");
  asked.page.limit = static_cast<std::size_t>(limit);
  if (!reader.Has("cursor") || body.at("cursor").is_null()) return asked;
  const std::optional<std::string> cursor = reader.Identifier("cursor", false);
  if (!cursor) return asked;
  const std::optional<query::Key> after = query::DecodeCursor(*cursor, query::kWindowKeyParts);
  const bool version = after && !after->front().empty() && after->front().size() <= 18 &&
                       after->front().find_first_not_of("0123456789") == std::string::npos;
  if (!version) reader.Fault("cursor", "Must be the next_cursor of an answer to this query.");
  if (version) asked.page.after = *after;
  return asked;
}

Asked ReadSnapshot(const Json& body, const Caller& caller, std::vector<InputError>& errors) {
  Asked asked;
  ObjectReader reader(body, "", errors);
  reader.RefuseUnknown({"aggregate_id", "aggregate_type"});
  ReadStream(reader, caller, asked);
  return asked;
}

// The body with its stream found, or the refusal.
Result<Asked, Response> Read(Call& call, Services& services,
                             Asked (*read)(const Json&, const Caller&, std::vector<InputError>&)) {
  const Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return Unexpected(body.error());
  std::vector<InputError> errors;
  Asked asked = read(*body, call.caller, errors);
  if (!errors.empty()) return Unexpected(Problem(422, "body_invalid", "The body is invalid.", errors));
  asked.page.max_bytes = call.PageBytes();
  query::Stream& stream = asked.stream;
  if (std::optional<Response> refusal = AwaitLogOn(call, services, stream.timeline))
    return Unexpected(*std::move(refusal));
  if (stream.timeline.branch()) asked.use_snapshot = false;  // snapshots are of the main log
  Result<std::string, Response> type =
      AggregateTypeOf(services, stream.tenant, stream.aggregate_id,
                      stream.aggregate_type.empty() ? std::nullopt : std::optional(stream.aggregate_type),
                      "/aggregate_type", stream.timeline);
  if (!type) return Unexpected(type.error());
  stream.aggregate_type = *std::move(type);
  return asked;
}

Response Refused(query::NoState why) {
  if (why == query::NoState::kAmbiguous) {
    return Problem(422, "aggregate_ambiguous",
                   "This ID stands under several accounts or livemodes: name account or livemode.",
                   {{"/livemode", "Is needed for this ID, or account."}});
  }
  return Problem(422, "too_many_tied",
                 "Too many events share the newest second to be weighed against one another.");
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

// The members that both answers begin with.
std::string Beginning(const query::Stream& stream, const query::AggregateState& state) {
  return R"({"aggregate_type":)" + Quoted(stream.aggregate_type) + R"(,"aggregate_id":)" +
         Quoted(stream.aggregate_id) + R"(,"version":)" + std::to_string(state.version);
}

// The state that is asked for, all reads of it in one state of the database.
class StateReader {
 public:
  StateReader(Services& services)
      : session_(services.database.Acquire(storage::Purpose::kRead)), transaction_(*session_) {
    session_->BeginRead();
  }

  Result<snapshots::StateFromSnapshot, query::NoState> State(const Asked& asked) {
    if (asked.use_snapshot) return snapshots::StateOf(*session_, asked.stream, asked.bounds);
    Result<query::AggregateState, query::NoState> state =
        query::StateOf(*session_, asked.stream, asked.bounds, nullptr);
    if (!state) return Unexpected(state.error());
    return snapshots::StateFromSnapshot{*std::move(state), std::nullopt};
  }

  storage::Session& session() { return *session_; }

 private:
  storage::Database::Lease session_;
  storage::Transaction transaction_;
};

Response Replay(Call& call, Services& services) {
  const Result<Asked, Response> asked = Read(call, services, &ReadReplay);
  if (!asked) return asked.error();
  StateReader reader(services);
  const Result<snapshots::StateFromSnapshot, query::NoState> found = reader.State(*asked);
  if (!found) return Refused(found.error());
  Response response;
  response.body = Beginning(asked->stream, found->state) + R"(,"state":)" + found->state.state.dump() +
                  R"(,"snapshot_version":)" +
                  (found->snapshot_version ? std::to_string(*found->snapshot_version) : "null") +
                  R"(,"events_replayed":)" + std::to_string(found->state.events) + "}";
  return response;
}

Response TemporalQuery(Call& call, Services& services) {
  const Result<Asked, Response> asked = Read(call, services, &ReadTemporal);
  if (!asked) return asked.error();
  StateReader reader(services);
  const Result<snapshots::StateFromSnapshot, query::NoState> found = reader.State(*asked);
  if (!found) return Refused(found.error());
  const query::Page page = query::EventsWithin(reader.session(), asked->stream, asked->window, asked->page);
  Response response;
  response.body = Beginning(asked->stream, found->state) + R"(,"events":[)";
  for (std::size_t i = 0; i < page.rows.size(); ++i) response.body += (i > 0 ? "," : "") + page.rows[i];
  response.body += R"(],"has_more":)" + std::string(page.has_more ? "true" : "false") + R"(,"next_cursor":)" +
                   (page.has_more ? Quoted(query::EncodeCursor(page.last)) : "null") + R"(,"state":)" +
                   found->state.state.dump() + "}";
  return response;
}

Response SnapshotResponse(const query::Stream& stream, const snapshots::Snapshot& snapshot) {
  Response response;
  response.body = Beginning(stream, snapshot.state) + R"(,"state":)" + snapshot.state.state.dump() +
                  R"(,"created_at":)" + Quoted(FormatRfc3339(snapshot.created_at)) + "}";
  return response;
}

Response TakeSnapshot(Call& call, Services& services) {
  const Result<Asked, Response> asked = Read(call, services, &ReadSnapshot);
  if (!asked) return asked.error();
  const Result<snapshots::Snapshot, query::NoState> taken =
      snapshots::Take(services.database, asked->stream, std::nullopt, services.clock());
  if (!taken) return Refused(taken.error());
  Response response = SnapshotResponse(asked->stream, *taken);
  response.status = 201;
  return response;
}

Response LatestSnapshot(Call& call, Services& services) {
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *std::move(refusal);
  query::Stream stream = {call.caller.tenant, "", call.path_parameters[0]};
  Result<std::string, Response> type = AggregateTypeOf(services, stream.tenant, stream.aggregate_id,
                                                       call.query.Text("aggregate_type"), "?aggregate_type");
  if (!type) return type.error();
  stream.aggregate_type = *std::move(type);
  StateReader reader(services);
  const std::optional<snapshots::Snapshot> latest = snapshots::Find(reader.session(), stream, {});
  if (!latest) return Problem(404, "not_found", "No snapshot of this aggregate has been taken.");
  return SnapshotResponse(stream, *latest);
}

}  // namespace

void AddReplayRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/replay", Role::kReader, ReadParameters({"branch"}),
           [&services](Call& call) { return Replay(call, services); }});
  api.Add({"POST", "/api/v1/temporal-query", Role::kReader, ReadParameters({"branch"}),
           [&services](Call& call) { return TemporalQuery(call, services); }});
  api.Add({"POST", "/api/v1/snapshots", Role::kOperator, {}, [&services](Call& call) {
             return TakeSnapshot(call, services);
           }});
  api.Add({"GET", "/api/v1/snapshots/{aggregate_id}", Role::kReader, ReadParameters({"aggregate_type"}),
           [&services](Call& call) { return LatestSnapshot(call, services); }});
}

}  // namespace billhook::http
