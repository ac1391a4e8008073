#include "service/storage/log_walk.h"

#include <algorithm>
#include <deque>
#include <future>
#include <utility>
#include <vector>

#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

// Events in a part: a query has so much of a fixed cost, and what is to be told of is held in memory. What is
// read to be told of has kMaxReadBytes, too; what the database hashes has its limit of time.
constexpr std::int64_t kLinksAtATime = 2'000;
constexpr std::int64_t kBytesOfLinks = 64 << 20;
constexpr std::int64_t kEventsAtATime = 250;

using Tell = std::function<std::string(const RecordedEvent&)>;

// An event's place in the chain, and what has to fit there.
struct Link {
  std::int64_t position = 0;
  std::int64_t version = 0;
  UnixMicros recorded_at = 0;
  Digest checksum{};
  Digest content{};
};

// Whether its checksum is that of its content behind an event with that one.
bool Chained(const Digest& previous, const Link& link) {
  return ChainDigest(previous, link.content, link.position, link.version, link.recorded_at) == link.checksum;
}

// A run of the log, and all that can be said of it without the one before.
struct Part {
  std::vector<Link> links;
  std::vector<RecordedEvent> events;  // where they are to be told of
  std::vector<std::string> told;      // of those that chain on to one in front of them
};

// Reads a part: the events after a position, so many at most, fewer where they are large.
using ReadPart = std::function<Part(Session&, std::int64_t after, std::int64_t limit)>;

// The database proves the contents: payloads stay where they are.
Part ReadLinks(Session& session, std::int64_t after, std::int64_t limit) {
  const Rows rows = session.Query(
      "SELECT position, version, recorded_at, checksum, " + session.ContentDigestSql() + kFromARunOfTheLog,
      {after, limit, kBytesOfLinks});
  Part part;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 4)) {
      if (i == 0) ThrowDamaged(rows.Int(i, 0));
      break;  // those before it first
    }
    part.links.push_back({rows.Int(i, 0), rows.Int(i, 1), rows.Int(i, 2),
                          DigestFromHex(rows.Text(i, 3)).value_or(Digest{}),
                          DigestFromHex(rows.Text(i, 4)).value_or(Digest{})});
  }
  return part;
}

// What is told of is proven as it was read.
Part ReadAndTell(Session& session, std::int64_t after, std::int64_t limit, const Tell& tell) {
  Part part;
  part.events = ReadLog(session, after, static_cast<std::size_t>(limit));
  for (std::size_t i = 0; i < part.events.size(); ++i) {
    const RecordedEvent& event = part.events[i];
    part.links.push_back(
        {event.position, event.version, event.recorded_at, event.checksum, ContentDigest(event.event)});
    const bool chained = i > 0 && Chained(part.links[i - 1].checksum, part.links[i]);
    part.told.push_back(chained ? tell(event) : "");
  }
  return part;
}

// The log's parts in order. While one is proven, the next are read.
class Parts {
 public:
  Parts(Database& database, const ReadPart& read, std::int64_t size, std::int64_t last)
      : database_(database), read_(read), size_(size), last_(last) {
    Ask();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  Part Next() {
    const std::int64_t end = expected_.front().end;
    Part part = expected_.front().part.get();
    expected_.pop_front();
    const bool ended_early = !part.links.empty() && part.links.back().position < end;
    if (ended_early) expected_.push_front(Begin(part.links.back().position, end));
    Ask();
    return part;
  }

 private:
  struct Expected {
    std::int64_t end;
    std::future<Part> part;
  };

  Expected Begin(std::int64_t after, std::int64_t end) {
    return {end, std::async(std::launch::async, [this, after, end] { return Read(after, end); })};
  }

  // Fewer events where a row cannot even be read: half of them again and again, down to that row alone.
  Part Read(std::int64_t after, std::int64_t end) {
    Database::Lease session = database_.Acquire(Purpose::kRead);
    for (std::int64_t limit = end - after;; limit /= 2) {
      try {
        return read_(*session, after, limit);
      } catch (const StorageError& error) {
        if (error.retryable() || limit == 1) throw;
      }
    }
  }

  void Ask() {
    while (asked_ < last_ && expected_.size() < kReadersOfAWalk) {
      const std::int64_t end = std::min(asked_ + size_, last_);
      expected_.push_back(Begin(asked_, end));
      asked_ = end;
    }
  }

  Database& database_;
  const ReadPart& read_;
  const std::int64_t size_;
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
    Database::Lease session = database.Acquire(Purpose::kRead);
    for (const Link& link : ReadLinks(*session, last, 1).links) {
      if (link.position != last + 1 || !Chained(checksum, link))
        return "it does not chain on to the event before it";
    }
  } catch (const StorageError& error) {
    return WhyUnreadable(error);
  }
  return std::nullopt;
}

// `take` is called for each event that is proven, by its number in its part.
ChainReport Walk(Database& database, const ReadPart& read, std::int64_t size,
                 const std::function<void(const Part&, std::size_t)>& take, const WalkProgress& progress) {
  // The head is read first: what is appended while we walk is not our affair.
  const Rows head =
      database.Acquire(Purpose::kRead)->Query("SELECT position, checksum FROM log_head WHERE singleton = 1");
  const std::int64_t last = head.Int(0, 0);
  read(*database.Acquire(Purpose::kRead), last, 0);  // what cannot even read nothing is no damage to the log
  ChainReport report;
  Digest previous = kGenesis;
  const auto fail = [&report](std::int64_t position, std::string what) {
    report.first_bad_position = position;
    report.what = std::move(what);
    return report;
  };
  Parts parts(database, read, size, last);
  while (report.events < last) {
    Part part;
    try {
      part = parts.Next();
    } catch (const StorageError& error) {
      return fail(report.events + 1, WhyUnreadable(error));
    }
    if (part.links.empty()) return fail(report.events + 1, "this event and all after it are missing");
    for (std::size_t i = 0; i < part.links.size(); ++i) {
      const Link& link = part.links[i];
      if (link.position != report.events + 1)
        return fail(report.events + 1, "the event at this position is missing");
      if (!Chained(previous, link))
        return fail(link.position, "its checksum does not fit its content and the event before it");
      previous = link.checksum;
      report.events = link.position;
      take(part, i);
    }
    progress(report.events, last);
  }
  if (ToHex(previous) != head.Text(0, 1))
    return fail(last, "the head of the log names another checksum for it");
  if (std::optional<std::string> what = FaultBeyond(database, last, previous))
    return fail(last + 1, *std::move(what));
  return report;
}

}  // namespace

ChainReport WalkLog(Database& database, const Tell& tell, const std::function<void(const std::string&)>& take,
                    const WalkProgress& progress) {
  return Walk(
      database,
      [&tell](Session& session, std::int64_t after, std::int64_t limit) {
        return ReadAndTell(session, after, limit, tell);
      },
      kEventsAtATime,
      [&](const Part& part, std::size_t i) { take(i == 0 ? tell(part.events[0]) : part.told[i]); }, progress);
}

ChainReport VerifyLog(Database& database, const WalkProgress& progress) {
  return Walk(
      database, &ReadLinks, kLinksAtATime, [](const Part&, std::size_t) {}, progress);
}

}  // namespace billhook::storage
