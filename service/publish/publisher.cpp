#include "service/publish/publisher.h"

#include <algorithm>
#include <utility>

#include "service/log.h"
#include "service/query/events_query.h"
#include "service/storage/event_log.h"

namespace billhook::publish {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Worker::Pace kPace{.step = milliseconds(20),  // so that each batch and each commit takes more
                             .poll = milliseconds(200),
                             .back_off = milliseconds(1'000)};
constexpr milliseconds kFirstBackOff{250};
constexpr milliseconds kLongestBackOff{30'000};

std::vector<Message> MessagesOf(std::vector<RecordedEvent> events) {
  std::vector<Message> messages;
  messages.reserve(events.size());
  for (RecordedEvent& recorded : events) {
    std::string document = query::EventBody(recorded);
    recorded.event.payload = {};
    messages.push_back({std::move(recorded), std::move(document)});
  }
  return messages;
}

}  // namespace

Publisher::Publisher(storage::Database& database, std::string label, Connect connect, Metrics& metrics,
                     Worker::OnFailure on_failure)
    : database_(database),
      label_(std::move(label)),
      turn_name_("publish " + label_),
      connect_(std::move(connect)),
      metrics_(metrics),
      back_off_(kFirstBackOff),
      worker_([this] { return RunOnce(); }, kPace, std::move(on_failure)) {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kAppend);
  storage::Transaction transaction(*session);
  session->BeginWrite();
  session->Execute("INSERT INTO followers (name, position) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                   {turn_name_});
  transaction.Commit();
}

void Publisher::Start() {
  worker_.Start();
}

void Publisher::Stop() {
  worker_.Stop();
}

void Publisher::Wake() {
  worker_.Wake();
}

std::int64_t Publisher::Lag() {
  const storage::Followed followed = Look();
  return followed.head - followed.position;
}

storage::Followed Publisher::Look() {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  return storage::FollowedBy(*session, turn_name_);
}

bool Publisher::RunOnce() {
  if (steady_clock::now() < not_before_) return false;
  const storage::Followed seen = Look();
  if (seen.position >= seen.head) return false;
  storage::Turn turn(database_, turn_name_);
  if (!turn.mine()) return false;
  std::vector<RecordedEvent> events;
  {
    storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
    events = storage::ReadLog(*session, turn.followed().position, kMostMessages);
  }
  if (events.empty()) return false;  // another process was faster
  const std::vector<Message> messages = MessagesOf(std::move(events));
  const Delivery delivery = Deliver(messages);
  if (delivery.confirmed > 0) {
    turn.Finish(messages[delivery.confirmed - 1].recorded.position);
    metrics_.CountPublished(delivery.confirmed);
    back_off_ = kFirstBackOff;
  }
  if (!delivery.fault.empty()) {
    BackOff(delivery.fault);
    return false;
  }
  if (failing_.exchange(false)) log::Info("publishing again", {{"destination", label_}});
  return messages.back().recorded.position < seen.head;
}

Delivery Publisher::Deliver(const std::vector<Message>& messages) {
  try {
    if (broker_ == nullptr) broker_ = connect_();
    return broker_->Send(messages);
  } catch (const BrokerError& error) {
    return {0, error.what()};
  }
}

void Publisher::BackOff(const std::string& fault) {
  broker_.reset();
  failing_ = true;
  metrics_.CountPublishFailure();
  log::Warn("publishing failed",
            {{"destination", label_}, {"error", fault}, {"next_attempt_ms", back_off_.count()}});
  not_before_ = steady_clock::now() + back_off_;
  back_off_ = std::min(2 * back_off_, kLongestBackOff);
}

}  // namespace billhook::publish
