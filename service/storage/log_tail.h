// The stretches of the log that were read last, for all projections of this process: those that stand at the
// same place share one reading, and what each event says is parsed once for all. The log never changes, so
// what is here is as good as what is there; after trouble with the database it is forgotten all the same,
// for another server may know less. Bounded in bytes and number. Thread safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "domain/stripe/event_body.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// Consecutive events with their payloads. Thread safe.
class Stretch {
 public:
  explicit Stretch(std::vector<RecordedEvent> events);

  [[nodiscard]] const std::vector<RecordedEvent>& events() const { return events_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  // of payload
  // nullptr if it is not here.
  [[nodiscard]] const RecordedEvent* Find(std::int64_t position) const;
  // ReadModel::BriefOf for the event at that position, which must be here.
  [[nodiscard]] std::shared_ptr<const stripe::EventBody> BriefOf(std::int64_t position) const;

 private:
  struct Said {
    std::once_flag once;
    std::shared_ptr<const stripe::EventBody> brief;
  };

  std::vector<RecordedEvent> events_;
  std::unique_ptr<Said[]> said_;  // of each event
  std::size_t bytes_ = 0;
};

class LogTail {
 public:
  // The events behind `position`, at most `limit`; where a stretch that begins there is known and holds a
  // good part of those up to `head`, that one. Whoever asks for what another is about to read waits for it a
  // moment.
  std::shared_ptr<const Stretch> After(Session& session, std::int64_t position, std::size_t limit,
                                       std::int64_t head);
  // The stretch that holds this position, or nullptr.
  std::shared_ptr<const Stretch> Holding(std::int64_t position);
  void Forget();

 private:
  std::shared_ptr<const Stretch> Known(std::int64_t position, std::size_t limit, std::int64_t head) const;
  // What it takes the place of.
  std::deque<std::shared_ptr<const Stretch>> Keep(std::shared_ptr<const Stretch> stretch);

  std::mutex mutex_;
  std::condition_variable read_;
  std::set<std::int64_t> reading_;                        // positions behind which somebody reads
  std::deque<std::shared_ptr<const Stretch>> stretches_;  // the one kept last at the end
  std::size_t bytes_ = 0;
};

}  // namespace billhook::storage
