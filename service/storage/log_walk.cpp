#include "service/storage/log_walk.h"

#include <algorithm>
#include <deque>
#include <future>
#include <utility>
#include <vector>

#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

constexpr std::int64_t kPart = 500;  // events

using Tell = std::function<std::string(const RecordedEvent&)>;

// Whether the event's checksum is that of its content behind an event with that one.
bool Chained(const Digest& previous, const RecordedEvent& event, const Digest& content) {
  return ChainDigest(previous, content, event.position, event.version, event.recorded_at) == event.checksum;
}

std::vector<RecordedEvent> Read(Database& database, std::int64_t after, std::int64_t limit) {
  Database::Lease session = database.Acquire(Purpose::kRead);
  return ReadLog(*session, after, static_cast<std::size_t>(limit));
}

// A run of the log, and all that can be said of it without the one before.
struct Part {
  std::vector<RecordedEvent> events;
  std::vector<Digest> contents;
  std::vector<std::string> told;  // of those that chain on to one in front of them
};

// The events from `after` to `end`: fewer where they are large, and one alone where a row cannot even be
// read.
Part ReadPart(Database& database, std::int64_t after, std::int64_t end, const Tell& tell) {
  Part part;
  try {
    part.events = Read(database, after, end - after);
  } catch (const StorageError& error) {
    if (error.retryable()) throw;
    part.events = Read(database, after, 1);
  }
  for (std::size_t i = 0; i < part.events.size(); ++i) {
    const RecordedEvent& event = part.events[i];
    part.contents.push_back(ContentDigest(event.event));
    const bool chained = i > 0 && Chained(part.events[i - 1].checksum, event, part.contents[i]);
    part.told.push_back(chained ? tell(event) : "");
  }
  return part;
}

// The log's parts in order. While one is proven, the next are read.
class Parts {
 public:
  Parts(Database& database, const Tell& tell, std::int64_t last)
      : database_(database), tell_(tell), last_(last) {
    Ask();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  Part Next() {
    const std::int64_t end = expected_.front().end;
    Part part = expected_.front().part.get();
    expected_.pop_front();
    const bool ended_early = !part.events.empty() && part.events.back().position < end;
    if (ended_early) expected_.push_front(Begin(part.events.back().position, end));
    Ask();
    return part;
  }

 private:
  struct Expected {
    std::int64_t end;
    std::future<Part> part;
  };

  Expected Begin(std::int64_t after, std::int64_t end) {
    return {end, std::async(std::launch::async,
                            [this, after, end] { return ReadPart(database_, after, end, tell_); })};
  }

  void Ask() {
    while (asked_ < last_ && expected_.size() < kReadersOfAWalk) {
      const std::int64_t end = std::min(asked_ + kPart, last_);
      expected_.push_back(Begin(asked_, end));
      asked_ = end;
    }
  }

  Database& database_;
  const Tell& tell_;
  const std::int64_t last_;
  std::int64_t asked_ = 0;
  std::deque<Expected> expected_;
};

// What is wrong with a row that cannot be read; trouble that may pass is thrown on. In a handler.
std::string WhyUnreadable(const StorageError& error) {
  if (error.retryable()) throw;
  return error.what();
}

// The head may have been set back: what is wrong with an event beyond it, if there is one.
std::optional<std::string> FaultBeyond(Database& database, std::int64_t last, const Digest& checksum) {
  try {
    for (const RecordedEvent& event : Read(database, last, 1)) {
      if (event.position != last + 1 || !Chained(checksum, event, ContentDigest(event.event)))
        return "it does not chain on to the event before it";
    }
  } catch (const StorageError& error) {
    return WhyUnreadable(error);
  }
  return std::nullopt;
}

}  // namespace

ChainReport WalkLog(Database& database, const Tell& tell, const std::function<void(const std::string&)>& take,
                    const WalkProgress& progress) {
  // The head is read first: what is appended while we walk is not our affair.
  const Rows head =
      database.Acquire(Purpose::kRead)->Query("SELECT position, checksum FROM log_head WHERE singleton = 1");
  const std::int64_t last = head.Int(0, 0);
  ChainReport report;
  Digest previous = kGenesis;
  const auto fail = [&report](std::int64_t position, std::string what) {
    report.first_bad_position = position;
    report.what = std::move(what);
    return report;
  };
  Parts parts(database, tell, last);
  while (report.events < last) {
    Part part;
    try {
      part = parts.Next();
    } catch (const StorageError& error) {
      return fail(report.events + 1, WhyUnreadable(error));
    }
    if (part.events.empty()) return fail(report.events + 1, "this event and all after it are missing");
    for (std::size_t i = 0; i < part.events.size(); ++i) {
      const RecordedEvent& event = part.events[i];
      if (event.position != report.events + 1)
        return fail(report.events + 1, "the event at this position is missing");
      if (!Chained(previous, event, part.contents[i]))
        return fail(event.position, "its checksum does not fit its content and the event before it");
      previous = event.checksum;
      report.events = event.position;
      take(i == 0 ? tell(event) : part.told[i]);
    }
    progress(report.events, last);
  }
  if (ToHex(previous) != head.Text(0, 1))
    return fail(last, "the head of the log names another checksum for it");
  if (std::optional<std::string> what = FaultBeyond(database, last, previous))
    return fail(last + 1, *std::move(what));
  return report;
}

ChainReport VerifyLog(Database& database, const WalkProgress& progress) {
  return WalkLog(
      database, [](const RecordedEvent&) { return std::string(); }, [](const std::string&) {}, progress);
}

}  // namespace billhook::storage
