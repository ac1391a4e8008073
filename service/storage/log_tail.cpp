#include "service/storage/log_tail.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "domain/check.h"
#include "domain/stripe/brief_body.h"
#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kMaxTailBytes = 4 << 20;  // of payload, but for one stretch that is larger
constexpr std::size_t kMaxAddedBytes = 2 << 20;
constexpr std::size_t kMaxStretches = 128;  // so that looking through them stays quick
// Reading it twice is better than to hang on a session that hangs.
constexpr std::chrono::milliseconds kPatience{100};

std::int64_t PositionBefore(const Stretch& stretch) {
  return stretch.events().front().position - 1;
}

}  // namespace

Stretch::Stretch(std::vector<RecordedEvent> events, std::string server)
    : events_(std::move(events)),
      server_(std::move(server)),
      said_(std::make_unique<Said[]>(events_.size())) {
  for (const RecordedEvent& recorded : events_) bytes_ += recorded.event.payload.size();
}

const RecordedEvent* Stretch::Find(std::int64_t position) const {
  if (events_.empty() || position < events_.front().position ||
      position >= events_.front().position + static_cast<std::int64_t>(events_.size()))
    return nullptr;
  const RecordedEvent& recorded = events_[static_cast<std::size_t>(position - events_.front().position)];
  return recorded.position == position ? &recorded : nullptr;  // else one was removed before it
}

std::shared_ptr<const stripe::EventBody> Stretch::BriefOf(std::int64_t position) const {
  const RecordedEvent* recorded = Find(position);
  BILLHOOK_CHECK(recorded != nullptr);
  Said& said = said_[static_cast<std::size_t>(recorded - events_.data())];
  const std::lock_guard lock(said.mutex);  // std::call_once would ask the kernel to wake nobody
  if (!std::exchange(said.known, true)) {
    if (std::optional<stripe::EventBody> brief = stripe::ReadBriefBody(*recorded))
      said.brief = std::make_shared<const stripe::EventBody>(*std::move(brief));
  }
  return said.brief;
}

void LogTail::Add(const std::string& server, std::vector<RecordedEvent> appended) {
  if (appended.empty()) return;
  const std::lock_guard lock(mutex_);
  const bool follows =
      added_.empty() || (added_server_ == server && added_.back().position + 1 == appended.front().position);
  if (!follows) {
    added_.clear();
    added_bytes_ = 0;
  }
  added_server_ = server;
  for (RecordedEvent& recorded : appended) {
    added_bytes_ += recorded.event.payload.size();
    added_.push_back(std::move(recorded));
  }
  while (added_bytes_ > kMaxAddedBytes) {
    added_bytes_ -= added_.front().event.payload.size();
    added_.pop_front();
  }
}

std::vector<RecordedEvent> LogTail::TakeAdded(const Place& place, std::size_t limit) {
  std::vector<RecordedEvent> taken;
  const auto wanted = std::min<std::int64_t>(static_cast<std::int64_t>(limit), place.head - place.position);
  const bool here = !added_.empty() && added_server_ == place.server &&
                    added_.front().position <= place.position + 1 &&
                    added_.back().position >= place.position + (wanted + 1) / 2;
  if (!here) return taken;
  std::int64_t bytes = 0;
  while (!added_.empty() && static_cast<std::int64_t>(taken.size()) < wanted) {
    RecordedEvent& next = added_.front();
    const std::size_t size = next.event.payload.size();
    if (next.position > place.position) {
      bytes += static_cast<std::int64_t>(size);
      if (!taken.empty() && bytes > kMaxReadBytes) break;
      taken.push_back(std::move(next));
    }
    added_bytes_ -= size;
    added_.pop_front();
  }
  return taken;
}

std::shared_ptr<const Stretch> LogTail::After(Session& session, const Place& place, std::size_t limit) {
  const std::int64_t position = place.position;
  std::deque<std::shared_ptr<const Stretch>> dropped;  // goes when others can go on
  {
    std::unique_lock lock(mutex_);
    read_.wait_for(lock, kPatience, [&] { return reading_.count(position) == 0; });
    if (std::shared_ptr<const Stretch> known = Known(place, limit)) return known;
    if (std::vector<RecordedEvent> added = TakeAdded(place, limit); !added.empty()) {
      auto stretch = std::make_shared<const Stretch>(std::move(added), place.server);
      dropped = Keep(stretch);
      return stretch;
    }
    reading_.insert(position);
  }
  std::shared_ptr<const Stretch> stretch;
  try {
    stretch = std::make_shared<const Stretch>(ReadLog(session, position, limit), place.server);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    reading_.erase(position);
    read_.notify_all();
    throw;
  }
  const std::lock_guard lock(mutex_);
  reading_.erase(position);
  if (!stretch->events().empty()) dropped = Keep(stretch);
  read_.notify_all();
  return stretch;
}

std::shared_ptr<const Stretch> LogTail::Known(const Place& place, std::size_t limit) const {
  const auto wanted = std::min<std::int64_t>(static_cast<std::int64_t>(limit), place.head - place.position);
  for (const std::shared_ptr<const Stretch>& stretch : stretches_) {
    const auto size = static_cast<std::int64_t>(stretch->events().size());
    // None that goes beyond the head: who asks knows the log as it was up to there.
    if (PositionBefore(*stretch) == place.position && stretch->server() == place.server && size <= wanted &&
        size >= wanted / 2)
      return stretch;
  }
  return nullptr;
}

std::deque<std::shared_ptr<const Stretch>> LogTail::Keep(std::shared_ptr<const Stretch> stretch) {
  std::deque<std::shared_ptr<const Stretch>> dropped;
  const auto replaced = std::find_if(stretches_.begin(), stretches_.end(), [&](const auto& other) {
    return PositionBefore(*other) == PositionBefore(*stretch);
  });
  if (replaced != stretches_.end()) {
    bytes_ -= (*replaced)->bytes();
    dropped.push_back(std::move(*replaced));
    stretches_.erase(replaced);
  }
  bytes_ += stretch->bytes();
  stretches_.push_back(std::move(stretch));
  while ((bytes_ > kMaxTailBytes || stretches_.size() > kMaxStretches) && stretches_.size() > 1) {
    bytes_ -= stretches_.front()->bytes();
    dropped.push_back(std::move(stretches_.front()));
    stretches_.pop_front();
  }
  return dropped;
}

const RecordedEvent* LogTail::Find(const std::string& server, std::int64_t position) const {
  if (!added_.empty() && added_server_ == server && added_.front().position <= position) {
    const auto place = static_cast<std::size_t>(position - added_.front().position);
    if (place < added_.size()) return &added_[place];
  }
  for (auto stretch = stretches_.rbegin(); stretch != stretches_.rend(); ++stretch) {
    const RecordedEvent* found = (*stretch)->Find(position);
    if (found != nullptr && (*stretch)->server() == server) return found;
  }
  return nullptr;
}

bool LogTail::Show(const std::string& server, std::int64_t after, std::int64_t to,
                   const std::function<void(const RecordedEvent&)>& look) {
  std::vector<const RecordedEvent*> shown;
  const std::lock_guard lock(mutex_);
  for (std::int64_t position = after + 1; position <= to; ++position) {
    const RecordedEvent* event = Find(server, position);
    if (event == nullptr) return false;
    shown.push_back(event);
  }
  for (const RecordedEvent* event : shown) look(*event);
  return true;
}

std::shared_ptr<const Stretch> LogTail::Holding(const std::string& server, std::int64_t position) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<const Stretch>& stretch : stretches_) {
    if (stretch->server() == server && stretch->Find(position) != nullptr) return stretch;
  }
  return nullptr;
}

}  // namespace billhook::storage
