#include "service/commands/audit.h"

#include <limits>

#include "domain/event_store.h"
#include "service/log.h"
#include "service/storage/event_log.h"

namespace billhook::commands {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookAgain{50};  // for commands that other processes run

}  // namespace

// A caller that waits for a command in use; there are only so many at a time.
class Audit::Waiting {
 public:
  explicit Waiting(Audit& audit) : audit_(audit) {
    const std::lock_guard lock(audit_.mutex_);
    allowed_ = audit_.waiters_++ < audit_.options_.max_waiters;
  }
  ~Waiting() {
    const std::lock_guard lock(audit_.mutex_);
    --audit_.waiters_;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  [[nodiscard]] bool allowed() const { return allowed_; }

  // Until a command was closed, or it is time to look whether another process closed it; false once nobody is
  // to wait any more.
  bool WaitALittle() {
    std::unique_lock lock(audit_.mutex_);
    if (!audit_.released_) audit_.closed_.wait_for(lock, kLookAgain);
    return !audit_.released_;
  }

 private:
  Audit& audit_;
  bool allowed_ = false;
};

void Audit::CloseAbandoned(bool all) {
  const UnixMicros at = all ? std::numeric_limits<UnixMicros>::max() : clock_();
  std::size_t closed = 0;
  while (const std::size_t some = log_.CloseAbandoned(at, TextOf(Interrupted()))) closed += some;
  if (closed > 0) log::Warn("commands of a process that died were closed", {{"count", closed}});
}

void Audit::ReleaseWaiters() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  closed_.notify_all();
}

std::vector<RecordedEvent> Audit::EventsOf(const std::string& tenant, const std::string& command_id) {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  return storage::EventsFrom(
      session->Query("SELECT " + storage::kEventColumns +
                         " FROM events WHERE tenant = $1 AND caused_by = $2 AND source <> 'stripe' AND "
                         "source IN ('command', 'saga') ORDER BY position",
                     {tenant, command_id}));
}

Answer Audit::AnswerOf(const CommandEntry& known) {
  Answer answer{known.command_id, Json(), {}, known.position.value_or(0)};
  if (known.status == "error") {
    answer.outcome = RefusalFrom(known.error.value());
    return answer;
  }
  answer.outcome = Json::parse(known.result.value());
  answer.events = EventsOf(known.tenant, known.command_id);
  return answer;
}

std::optional<Answer> Audit::EnterOrAnswer(CommandEntry& entry) {
  const auto refused = [](const char* code, const char* detail) {
    return Answer{"", Refusal{409, code, detail}, {}, 0};
  };
  const auto deadline = steady_clock::now() + options_.wait_max;
  std::optional<Waiting> waiting;
  while (true) {
    const std::optional<CommandEntry> known = log_.Enter(entry);
    if (!known) return std::nullopt;
    if (known->request_hash != entry.request_hash)
      return refused("idempotency_key_reused", "This Idempotency-Key came with another command before.");
    if (known->status != "pending") return AnswerOf(*known);
    if (known->lease_until < clock_()) {
      CloseAbandoned();
      continue;
    }
    if (!waiting) waiting.emplace(*this);
    if (!waiting->allowed() || steady_clock::now() >= deadline || !waiting->WaitALittle())
      return refused("idempotency_key_in_use", "The first command with this Idempotency-Key still runs.");
    entry.created_at = clock_();
    entry.lease_until = entry.created_at + options_.lease.count();
  }
}

Run Audit::Around(CommandCall& call, const bus::Next<CommandCall>& next) {
  const auto started = steady_clock::now();
  CommandEntry& entry = call.entry;
  entry.created_at = clock_();
  entry.command_id = NewUuidV7(entry.created_at);
  entry.lease_until = entry.created_at + options_.lease.count();
  if (std::optional<Answer> first = EnterOrAnswer(entry)) return {*std::move(first), std::nullopt};
  Run run = next();
  if (run.closing) {
    run.closing->duration_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started).count();
    log_.Close(entry.command_id, *run.closing);
    closed_.notify_all();
  }
  return run;
}

}  // namespace billhook::commands
