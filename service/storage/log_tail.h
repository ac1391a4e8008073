// The stretches of the log that were read last, for all projections of this process: those that stand at the
// same place share one reading, and what each event says is parsed once for all. A server's log never
// changes, so what is here is as good as what is there; of another server nothing is believed. Bounded in
// bytes and number. Thread safe.
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
  // `server`: whose log they are of (Session::ServerSql).
  Stretch(std::vector<RecordedEvent> events, std::string server);

  [[nodiscard]] const std::string& server() const { return server_; }
  [[nodiscard]] const std::vector<RecordedEvent>& events() const { return events_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  // of payload
  // nullptr if it is not here.
  [[nodiscard]] const RecordedEvent* Find(std::int64_t position) const;
  // ReadModel::BriefOf for the event at that position, which must be here.
  [[nodiscard]] std::shared_ptr<const stripe::EventBody> BriefOf(std::int64_t position) const;

 private:
  struct Said {
    std::mutex mutex;
    bool known = false;
    std::shared_ptr<const stripe::EventBody> brief;
  };

  std::vector<RecordedEvent> events_;
  std::string server_;
  std::unique_ptr<Said[]> said_;  // of each event
  std::size_t bytes_ = 0;
};

class LogTail {
 public:
  struct Place {
    std::string server;         // that the session speaks to
    std::int64_t position = 0;  // behind which events are wanted
    std::int64_t head = 0;      // of the log
  };
  // The events behind the place, at most `limit`; where a stretch that begins there is known and holds a good
  // part of those up to the head, that one. Whoever asks for what another is about to read waits for it a
  // moment.
  std::shared_ptr<const Stretch> After(Session& session, const Place& place, std::size_t limit);
  // The stretch that holds this position of the server's log, or nullptr.
  std::shared_ptr<const Stretch> Holding(const std::string& server, std::int64_t position);

 private:
  std::shared_ptr<const Stretch> Known(const Place& place, std::size_t limit) const;
  // What it takes the place of.
  std::deque<std::shared_ptr<const Stretch>> Keep(std::shared_ptr<const Stretch> stretch);

  std::mutex mutex_;
  std::condition_variable read_;
  std::set<std::int64_t> reading_;                        // positions behind which somebody reads
  std::deque<std::shared_ptr<const Stretch>> stretches_;  // the one kept last at the end
  std::size_t bytes_ = 0;
};

}  // namespace billhook::storage
