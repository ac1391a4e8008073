#include "service/sagas/stepper.h"

#include <map>
#include <tuple>

#include "service/log.h"
#include "service/sagas/registry.h"

namespace billhook::sagas {
namespace {

constexpr int kMaxRounds = 64;  // a saga takes one step a round, or loses one race

// The streams that a run works with, as they stand after all that it has decided.
class Streams {
 public:
  explicit Streams(storage::Database& database) : database_(database) {}

  commands::Aggregate& Get(const std::string& tenant, const std::string& type, const std::string& id) {
    const auto [at, added] = known_.try_emplace({tenant, type, id});
    if (added) at->second = commands::Load(database_, tenant, type, id);
    return at->second;
  }
  void Forget() { known_.clear(); }

 private:
  storage::Database& database_;
  std::map<std::tuple<std::string, std::string, std::string>, commands::Aggregate> known_;
};

struct Planned {
  SagaKey saga;
  Json before;
  Json after;
};

// Plans the saga's next step on top of what is planned already; nothing where there is none to take.
std::optional<Planned> Plan(Streams& streams, const SagaKey& key, UnixMicros now, AppendRequest& request) {
  commands::Aggregate& saga = streams.Get(key.tenant, std::string(kAggregateType), key.id);
  if (saga.state.is_null()) return std::nullopt;
  const RegisteredType* type = FindSagaType(saga.state.at("saga_type").get<std::string>());
  if (type == nullptr) return std::nullopt;  // of a newer billhook
  const std::optional<Step> step = type->machine->next(saga.state, now);
  if (!step) return std::nullopt;
  commands::Aggregate& target = streams.Get(key.tenant, step->aggregate_type, step->aggregate_id);
  const Progress progress = type->machine->take(saga.state, *step, target.state, now);
  for (const DecidedEvent& effect : progress.effects) {
    request.push_back(AppendOf(key, step->aggregate_type, step->aggregate_id, effect, target.version, now));
    Evolve(target, request.back().event);
  }
  request.push_back(AppendOf(key, kAggregateType, key.id, progress.record, saga.version, now));
  Json before = saga.state;
  Evolve(saga, request.back().event);
  return Planned{key, std::move(before), saga.state};
}

}  // namespace

Stepper::Stepper(storage::Database& database, ingest::GroupCommit& group_commit, OnProgress on_progress)
    : database_(database), group_commit_(group_commit), on_progress_(std::move(on_progress)) {}

void Stepper::Run(std::vector<SagaKey> open, UnixMicros now) {
  Streams streams(database_);
  for (int round = 0; round < kMaxRounds; ++round) {
    std::vector<Planned> planned;
    std::vector<AppendRequest> requests;
    for (const SagaKey& saga : open) {
      AppendRequest request;
      if (std::optional<Planned> plan = Plan(streams, saga, now, request)) {
        planned.push_back(*std::move(plan));
        requests.push_back(std::move(request));
      }
    }
    if (planned.empty()) break;
    const std::vector<Result<AppendOutcome, ingest::Refusal>> outcomes =
        group_commit_.AppendAll(std::move(requests));
    bool unavailable = false;
    open.clear();
    for (std::size_t i = 0; i < planned.size(); ++i) {
      const auto& [saga, before, after] = planned[i];
      const bool rejected = !outcomes[i] && outcomes[i].error() == ingest::Refusal::kRejected;
      const bool is_recorded = outcomes[i] && std::holds_alternative<Recorded>(*outcomes[i]);
      if (is_recorded) {
        on_progress_(saga, before, after);
      } else {
        streams.Forget();  // what stands in the log is not what was planned
      }
      unavailable |= !outcomes[i] && !rejected;
      if (rejected) {
        log::Error("a saga's step cannot be recorded", {{"saga_id", saga.id}});
      } else {
        open.push_back(saga);
      }
    }
    if (unavailable) throw StorageError("the log takes no steps of sagas right now", true);
  }
}

}  // namespace billhook::sagas
