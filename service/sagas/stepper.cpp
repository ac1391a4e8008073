#include "service/sagas/stepper.h"

#include <map>
#include <set>
#include <tuple>

#include "service/log.h"
#include "service/sagas/registry.h"

namespace billhook::sagas {
namespace {

constexpr int kMaxLostRounds = 64;  // in which no saga took a step

using StreamKey = std::tuple<std::string, std::string, std::string>;  // tenant, aggregate type and ID

// The streams that a run works with, as they stand after all that it has decided.
class Streams {
 public:
  explicit Streams(storage::Database& database) : database_(database) {}

  commands::Aggregate& Get(const StreamKey& key) {
    const auto [at, added] = known_.try_emplace(key);
    if (added) {
      const auto& [tenant, type, id] = key;
      at->second = commands::Load(database_, tenant, type, id);
    }
    return at->second;
  }
  void Forget() { known_.clear(); }

 private:
  storage::Database& database_;
  std::map<StreamKey, commands::Aggregate> known_;
};

struct Planned {
  SagaKey saga;
  Json before;
  Json after;
};

// The next step of each saga, all to be recorded together.
class Round {
 public:
  Round(Streams& streams, UnixMicros now) : streams_(streams), now_(now) {}

  void Plan(const SagaKey& key) {
    const StreamKey saga_key = {key.tenant, std::string(kAggregateType), key.id};
    if (changed_.count(saga_key) == 1) return;  // named twice
    commands::Aggregate& saga = streams_.Get(saga_key);
    if (saga.state.is_null()) return;
    const RegisteredType* type = FindSagaType(saga.state.at("saga_type").get<std::string>());
    if (type == nullptr) return;  // of a newer billhook
    const std::optional<Step> step = type->machine->next(saga.state, now_);
    if (!step) return;
    const StreamKey target_key = {key.tenant, step->aggregate_type, step->aggregate_id};
    if (changed_.count(target_key) == 1) {
      waiting.push_back(key);
      return;
    }
    commands::Aggregate& target = streams_.Get(target_key);
    const Progress progress = type->machine->take(saga.state, *step, target.state, now_);
    AppendRequest request;
    for (const DecidedEvent& effect : progress.effects) {
      request.push_back(
          AppendOf(key, step->aggregate_type, step->aggregate_id, effect, target.version, now_));
      Evolve(target, request.back().event);
      changed_.insert(target_key);
    }
    request.push_back(AppendOf(key, kAggregateType, key.id, progress.record, saga.version, now_));
    Json before = saga.state;
    Evolve(saga, request.back().event);
    changed_.insert(saga_key);
    planned.push_back({key, std::move(before), saga.state});
    requests.push_back(std::move(request));
  }

  std::vector<Planned> planned;
  std::vector<AppendRequest> requests;  // of those planned
  std::vector<SagaKey> waiting;         // for a stream that another saga changes in this round

 private:
  Streams& streams_;
  UnixMicros now_;
  std::set<StreamKey> changed_;
};

}  // namespace

Stepper::Stepper(storage::Database& database, ingest::GroupCommit& group_commit, OnProgress on_progress)
    : database_(database), group_commit_(group_commit), on_progress_(std::move(on_progress)) {}

void Stepper::Run(std::vector<SagaKey> open, UnixMicros now) {
  Streams streams(database_);
  for (int lost = 0; lost < kMaxLostRounds;) {
    Round round(streams, now);
    for (const SagaKey& saga : open) round.Plan(saga);
    if (round.planned.empty()) break;
    const std::vector<Result<AppendOutcome, ingest::Refusal>> outcomes =
        group_commit_.AppendAll(std::move(round.requests));
    bool unavailable = false;
    bool stepped = false;
    open = std::move(round.waiting);
    for (std::size_t i = 0; i < round.planned.size(); ++i) {
      const auto& [saga, before, after] = round.planned[i];
      const bool rejected = !outcomes[i] && outcomes[i].error() == ingest::Refusal::kRejected;
      const bool is_recorded = outcomes[i] && std::holds_alternative<Recorded>(*outcomes[i]);
      if (is_recorded) {
        on_progress_(saga, before, after);
        stepped = true;
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
    if (!stepped) ++lost;
  }
}

}  // namespace billhook::sagas
