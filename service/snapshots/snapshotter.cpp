#include "service/snapshots/snapshotter.h"

#include <algorithm>
#include <chrono>

#include "service/snapshots/snapshots.h"

namespace billhook::snapshots {
namespace {

constexpr std::int64_t kStretch = 2'000;
// Looking through so much of the log again after a crash costs less than a write for each stretch.
constexpr std::int64_t kUnsaved = 10'000;
constexpr Worker::Pace kPace{.step = std::chrono::milliseconds(100),
                             .poll = std::chrono::milliseconds(200),
                             .back_off = std::chrono::seconds(5)};

}  // namespace

Snapshotter::Snapshotter(storage::Database& database, storage::LogTail& tail, std::int64_t frequency,
                         Clock clock, Worker::OnFailure on_failure)
    : database_(database),
      tail_(tail),
      frequency_(frequency),
      clock_(std::move(clock)),
      worker_([this] { return RunOnce(); }, kPace, std::move(on_failure)) {}

void Snapshotter::Start() {
  if (frequency_ > 0) worker_.Start();  // else there is nothing to look for
}

void Snapshotter::Stop() {
  worker_.Stop();
}

void Snapshotter::Wake() {
  worker_.Wake();
}

bool Snapshotter::RunOnce() {
  if (frequency_ == 0) return false;
  std::int64_t end = 0;
  std::vector<Due> due;
  {
    storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
    const storage::Rows log =
        session->Query("SELECT h.position, s.position, " + session->ServerSql() +
                       " FROM log_head h CROSS JOIN snapshot_progress s WHERE h.singleton = 1");
    const std::int64_t head = log.Int(0, 0);
    if (server_ != log.Text(0, 2)) {
      server_ = log.Text(0, 2);
      position_ = saved_ = log.Int(0, 1);
    }
    if (position_ >= head) return false;
    end = std::min(head, position_ + kStretch);
    due = DueUpTo(end, *session);
  }
  // An aggregate without one state has no snapshot.
  for (const auto& [stream, version] : due) static_cast<void>(Take(database_, stream, version, clock_()));
  position_ = end;
  if (!due.empty() || position_ - saved_ >= kUnsaved) SaveProgress();
  return true;
}

std::vector<Snapshotter::Due> Snapshotter::DueUpTo(std::int64_t end, storage::Session& session) {
  std::vector<Due> due;
  const auto look = [&](const RecordedEvent& recorded) {
    const Event& event = recorded.event;
    if (recorded.version % frequency_ == 0)
      due.push_back({{event.tenant, event.aggregate_type, event.aggregate_id}, recorded.version});
  };
  if (tail_.Show(*server_, position_, end, look)) return due;
  const storage::Rows rows = session.Query(
      "SELECT tenant, aggregate_type, aggregate_id, version FROM events WHERE position > $1 AND position "
      "<= $2 AND version % $3 = 0 ORDER BY position",
      {position_, end, frequency_});
  for (std::size_t i = 0; i < rows.size(); ++i)
    due.push_back({{rows.Text(i, 0), rows.Text(i, 1), rows.Text(i, 2)}, rows.Int(i, 3)});
  return due;
}

void Snapshotter::SaveProgress() {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kNote);
  storage::Transaction transaction(*session);
  session->BeginWrite();
  session->Execute("UPDATE snapshot_progress SET position = $1 WHERE singleton = 1 AND position < $1",
                   {position_});
  transaction.Commit();
  saved_ = position_;
}

}  // namespace billhook::snapshots
