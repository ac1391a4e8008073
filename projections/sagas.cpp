#include "projections/sagas.h"

#include "domain/aggregates.h"
#include "domain/sagas/saga.h"
#include "projections/body_json.h"
#include "projections/in_order.h"

namespace billhook {

const Table Sagas::kTable = {"sagas",
                             {{"row_key"},
                              {"tenant"},
                              {"id"},
                              {"saga_type"},
                              {"status"},
                              {"due_at", ColumnType::kInteger},
                              {"version", ColumnType::kInteger},
                              {"state"},
                              {"body"}}};

namespace {

struct Saga {
  std::int64_t version = 0;  // of the last event that counted
  Json state;
  UnixMicros told_at = 0;  // that event's time

  static bool IsToldBy(const Event& event) {
    return event.source == Source::kSaga && event.aggregate_type == sagas::kAggregateType;
  }
  std::optional<std::string> Take(const RecordedEvent& recorded) {
    Result<Json, std::string> after = EvolveStrictly(state, recorded.event);
    if (!after) return after.error();
    *this = {recorded.version, *std::move(after), recorded.event.occurred_at};
    return std::nullopt;
  }
};

Saga SagaFrom(const Row& row) {
  return {std::get<std::int64_t>(row[Sagas::kTable.IndexOf("version")]),
          Json::parse(std::get<std::string>(row[Sagas::kTable.IndexOf("state")])), 0};
}

// When the runtime is to look after the saga, `at` being the time of its last event.
Cell DueAt(const Json& state, UnixMicros at) {
  const sagas::Status status = sagas::StatusOf(state);
  if (sagas::HasEnded(status)) return {};
  if (const std::optional<UnixMicros> due_at = sagas::DueAt(state)) return *due_at;
  if (status == sagas::Status::kWaiting) return {};
  return at + Sagas::kLeftBehind;
}

Row RowOf(const std::string& key, const Event& event, const Saga& saga) {
  const Json& state = saga.state;
  return {key,
          event.tenant,
          event.aggregate_id,
          state.at("saga_type").get<std::string>(),
          state.at("status").get<std::string>(),
          DueAt(state, saga.told_at),
          saga.version,
          state.dump(),
          SagaBody(event.aggregate_id, state)};
}

}  // namespace

std::string SagaBody(const std::string& saga_id, const Json& state) {
  OrderedJson steps = OrderedJson::array();
  for (const Json& step : state.at("steps")) {
    steps.push_back({{"name", step.at("name")},
                     {"status", step.at("status")},
                     {"at", step.at("at")},
                     {"error", step.at("error")}});
  }
  return OrderedJson({{"saga_id", saga_id},
                      {"saga_type", state.at("saga_type")},
                      {"status", state.at("status")},
                      {"data", state.at("data")},
                      {"due_at", state.at("due_at")},
                      {"steps", steps}})
      .dump();
}

Changes Sagas::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  std::map<std::string, std::vector<const RecordedEvent*>> events;
  std::vector<std::string> keys;
  for (const RecordedEvent& recorded : batch) {
    if (!Saga::IsToldBy(recorded.event)) continue;
    const std::string key = JoinKey({recorded.event.tenant, recorded.event.aggregate_id});
    events[key].push_back(&recorded);
    if (events[key].size() == 1) keys.push_back(key);
  }
  std::map<std::string, Saga> known;
  for (const Row& row : read_model.Find(kTable, "row_key", keys))
    known[std::get<std::string>(row.front())] = SagaFrom(row);

  Changes changes;
  for (const auto& [key, own] : events) {
    const std::optional<Saga> after = AfterInOrder(std::move(known[key]), own, read_model, changes);
    if (after) changes.Put(kTable, RowOf(key, own.front()->event, *after));
  }
  return changes;
}

}  // namespace billhook
