#include "service/sagas/follower.h"

#include <algorithm>

#include "domain/sagas/dunning.h"
#include "service/storage/turn.h"

namespace billhook::sagas {
namespace {

constexpr std::int64_t kStretch = 2'000;       // positions
constexpr std::size_t kTriggersAtATime = 256;  // of a stretch: a turn is not to be long
// Looking through so much of the log again after a crash costs less than a write for each stretch.
constexpr std::int64_t kUnsaved = 10'000;

bool IsNewsType(std::string_view event_type) {
  const std::vector<std::string_view>& settled = SettledTypes();
  return event_type == PaymentFailedType() ||
         std::find(settled.begin(), settled.end(), event_type) != settled.end();
}

std::string TriggerSql() {
  std::string news = "'" + std::string(PaymentFailedType()) + "'";
  for (std::string_view type : SettledTypes()) news.append(", '").append(type).append("'");
  return "SELECT position, source, tenant, aggregate_id FROM events WHERE position > $1 AND position <= $2 "
         "AND ((source = 'saga' AND event_type = '" +
         std::string(kStarted) + "') OR (source = 'stripe' AND event_type IN (" + news +
         "))) ORDER BY position LIMIT " + std::to_string(kTriggersAtATime);
}

}  // namespace

Stretch Follower::Look() {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  const auto [saved, head, server] = storage::FollowedBy(*session, kTurnName);
  if (server_ != server) {
    server_ = server;
    position_ = saved_ = saved;
  }
  Stretch stretch;
  stretch.server = server;
  stretch.end = std::min(head, position_ + kStretch);
  if (position_ < head && !Remember(stretch)) Read(*session, stretch);
  if (stretch.triggers.size() == kTriggersAtATime) stretch.end = stretch.triggers.back().position;
  stretch.at_head = stretch.end >= head;
  return stretch;
}

bool Follower::Remember(Stretch& stretch) const {
  return tail_.Show(stretch.server, position_, stretch.end, [&stretch](const RecordedEvent& recorded) {
    if (stretch.triggers.size() == kTriggersAtATime) return;
    const Event& event = recorded.event;
    if (event.source == Source::kSaga && event.event_type == kStarted) {
      stretch.triggers.push_back(
          {recorded.position, SagaKey{event.tenant, event.aggregate_id}, std::nullopt});
    } else if (event.source == Source::kStripe && IsNewsType(event.event_type)) {
      stretch.triggers.push_back({recorded.position, std::nullopt, recorded});
    }
  });
}

void Follower::Read(storage::Session& session, Stretch& stretch) const {
  static const std::string kSql = TriggerSql();
  const storage::Rows rows = session.Query(kSql, {position_, stretch.end});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Trigger& trigger = stretch.triggers.emplace_back();
    trigger.position = rows.Int(i, 0);
    if (rows.Text(i, 1) == NameOf(Source::kSaga)) trigger.started = {rows.Text(i, 2), rows.Text(i, 3)};
  }
}

void Follower::Pass(const Stretch& stretch, bool noted) {
  position_ = std::max(position_, stretch.end);
  if (noted) saved_ = position_;
  if (position_ - saved_ < kUnsaved) return;
  storage::Turn turn(database_, kTurnName);
  if (turn.mine() && turn.followed().server == stretch.server) turn.Finish(position_);
  saved_ = position_;  // if another process has the turn, it saves too
}

}  // namespace billhook::sagas
