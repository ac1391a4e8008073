// Streams in memory and sagas that run over them, so that machines can be driven without any database. Every
// event must be one that its aggregate can use. One thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "domain/aggregates.h"
#include "domain/sagas/saga.h"

namespace billhook::test {

class SagaWorld {
 public:
  // The aggregate's state, null before its first event.
  Json& State(const std::string& type, const std::string& id) { return states_[{type, id}]; }
  Json& Saga(const std::string& id) { return State(std::string(sagas::kAggregateType), id); }

  void Record(const std::string& type, const std::string& id, const DecidedEvent& decided) {
    Event event;
    event.aggregate_type = type;
    event.aggregate_id = id;
    event.event_type = decided.event_type;
    event.source = Source::kSaga;
    event.payload = decided.data.dump();
    Result<Json, std::string> after = EvolveStrictly(State(type, id), event);
    ASSERT_TRUE(after) << decided.event_type << ": " << after.error();
    State(type, id) = *std::move(after);
    told.push_back(decided.event_type);
  }
  void RecordSaga(const std::string& id, const DecidedEvent& decided) {
    Record(std::string(sagas::kAggregateType), id, decided);
  }

  // Takes the saga's next step; false if there is none to take.
  bool TakeStep(const sagas::SagaType& type, const std::string& id, UnixMicros now) {
    if (Saga(id).is_null()) return false;
    const std::optional<sagas::Step> step = type.next(Saga(id), now);
    if (!step) return false;
    const sagas::Progress progress =
        type.take(Saga(id), *step, State(step->aggregate_type, step->aggregate_id), now);
    for (const DecidedEvent& effect : progress.effects)
      Record(step->aggregate_type, step->aggregate_id, effect);
    RecordSaga(id, progress.record);
    return true;
  }
  void Run(const sagas::SagaType& type, const std::string& id, UnixMicros now) {
    while (TakeStep(type, id, now)) continue;
  }

  // "withdraw completed, deposit failed account_closed -> compensating".
  std::string Course(const std::string& id) {
    std::string text;
    for (const Json& step : Saga(id).at("steps")) {
      text += (text.empty() ? "" : ", ") + step.at("name").get<std::string>() + " " +
              step.at("status").get<std::string>();
      if (!step.at("error").is_null()) text += " " + step.at("error").at("code").get<std::string>();
    }
    return text + " -> " + Saga(id).at("status").get<std::string>();
  }

  std::vector<std::string> told;  // the types of all events, in order

 private:
  std::map<std::pair<std::string, std::string>, Json> states_;
};

}  // namespace billhook::test
