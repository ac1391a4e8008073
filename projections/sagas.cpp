#include "projections/sagas.h"

#include "domain/aggregates.h"
#include "domain/sagas/saga.h"
#include "projections/body_json.h"

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
};

Saga SagaFrom(const Row& row) {
  return {std::get<std::int64_t>(row[Sagas::kTable.IndexOf("version")]),
          Json::parse(std::get<std::string>(row[Sagas::kTable.IndexOf("state")]))};
}

// When the runtime is to look after the saga, `at` being the time of its last event.
Cell DueAt(const Json& state, UnixMicros at) {
  const sagas::Status status = sagas::StatusOf(state);
  if (sagas::HasEnded(status)) return {};
  if (const std::optional<UnixMicros> due_at = sagas::DueAt(state)) return *due_at;
  if (status == sagas::Status::kWaiting) return {};
  return at + Sagas::kLeftBehind;
}

Row RowOf(const std::string& key, const RecordedEvent& last, const Json& state) {
  return {key,
          last.event.tenant,
          last.event.aggregate_id,
          state.at("saga_type").get<std::string>(),
          state.at("status").get<std::string>(),
          DueAt(state, last.event.occurred_at),
          last.version,
          state.dump(),
          SagaBody(last.event.aggregate_id, state)};
}

bool IsSagas(const Event& event) {
  return event.source == Source::kSaga && event.aggregate_type == sagas::kAggregateType;
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
  std::map<std::string, Saga> known;
  std::vector<std::string> keys;
  for (const RecordedEvent& recorded : batch) {
    std::string key = JoinKey({recorded.event.tenant, recorded.event.aggregate_id});
    if (IsSagas(recorded.event) && known.emplace(key, Saga()).second) keys.push_back(std::move(key));
  }
  for (const Row& row : read_model.Find(kTable, "row_key", keys))
    known.at(std::get<std::string>(row.front())) = SagaFrom(row);

  Changes changes;
  for (const RecordedEvent& recorded : batch) {
    if (!IsSagas(recorded.event)) continue;
    const std::string key = JoinKey({recorded.event.tenant, recorded.event.aggregate_id});
    Saga& saga = known.at(key);
    if (recorded.version <= saga.version) {
      changes.dead_letters.push_back({&recorded, "the saga's later events have counted already"});
      continue;
    }
    Result<Json, std::string> after = EvolveStrictly(saga.state, recorded.event);
    if (!after) {
      changes.dead_letters.push_back({&recorded, after.error()});
      continue;
    }
    saga = {recorded.version, *std::move(after)};
    changes.Put(kTable, RowOf(key, recorded, saga.state));
  }
  return changes;
}

}  // namespace billhook
