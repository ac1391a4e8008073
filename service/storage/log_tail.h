// The end of the log as this process knows it, for all in it who follow the log: what it has just appended is
// handed to projections without a reading, those that stand at the same place share one reading of the rest,
// what each event says is parsed once for all, and whoever looks for some events among the last finds them
// here. A server's log never changes, so what is here is as good as what is there; of another server nothing
// is believed. Bounded in bytes and number. Thread safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
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
  // What has been committed behind all that was added before, or behind what others have appended meanwhile.
  void Add(const std::string& server, std::vector<RecordedEvent> appended);
  // The events behind the place, at most `limit`; where a stretch that begins there is known and holds a good
  // part of those up to the head, that one. Whoever asks for what another is about to read waits for it a
  // moment.
  std::shared_ptr<const Stretch> After(Session& session, const Place& place, std::size_t limit);
  // The stretch that holds this position of the server's log, or nullptr.
  std::shared_ptr<const Stretch> Holding(const std::string& server, std::int64_t position);
  // Shows the server's events behind `after` up to `to`, in order; false, and none, if not all are here.
  // Nobody else comes to the tail meanwhile, so what is to be done about them waits until it returns.
  bool Show(const std::string& server, std::int64_t after, std::int64_t to,
            const std::function<void(const RecordedEvent&)>& look);

 private:
  std::shared_ptr<const Stretch> Known(const Place& place, std::size_t limit) const;
  [[nodiscard]] const RecordedEvent* Find(const std::string& server, std::int64_t position) const;
  // Those of the events behind the place that were added, if they are a good part of those up to the head;
  // who comes later reads them from the database.
  std::vector<RecordedEvent> TakeAdded(const Place& place, std::size_t limit);
  // What it takes the place of.
  std::deque<std::shared_ptr<const Stretch>> Keep(std::shared_ptr<const Stretch> stretch);

  std::mutex mutex_;
  std::condition_variable read_;
  std::set<std::int64_t> reading_;                        // positions behind which somebody reads
  std::deque<std::shared_ptr<const Stretch>> stretches_;  // the one kept last at the end
  std::size_t bytes_ = 0;
  std::deque<RecordedEvent> added_;  // without a gap
  std::string added_server_;
  std::size_t added_bytes_ = 0;
};

}  // namespace billhook::storage
