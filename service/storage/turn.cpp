#include "service/storage/turn.h"

#include <utility>

#include "domain/event_store.h"

namespace billhook::storage {

namespace {

std::string FollowedSql(const Session& session) {
  return "SELECT f.position, h.position, " + session.ServerSql() +
         " FROM followers f CROSS JOIN log_head h WHERE f.name = $1";
}

Followed FollowedFrom(const Rows& rows) {
  if (rows.empty()) throw StorageError("nobody follows the log under that name any more", false);
  return {rows.Int(0, 0), rows.Int(0, 1), rows.Text(0, 2)};
}

}  // namespace

Followed FollowedBy(Session& session, const std::string& name) {
  return FollowedFrom(session.Query(FollowedSql(session), {name}));
}

Turn::Turn(Database& database, std::string name) : database_(database), name_(std::move(name)) {
  session_.emplace(database_.Acquire(Purpose::kNote));
  transaction_.emplace(**session_);
  (*session_)->BeginProjecting();
  const Rows own =
      (*session_)->Query(FollowedSql(**session_) + (*session_)->Claiming("f", Claim::kPassBy), {name_});
  mine_ = !own.empty();
  if (mine_) followed_ = FollowedFrom(own);
  if (database_.engine() != "sqlite") return;
  // In memory there is one session for all: the right does not hang on it.
  transaction_.reset();
  session_.reset();
}

void Turn::Finish(std::int64_t position) {
  if (!session_) {
    session_.emplace(database_.Acquire(Purpose::kNote));
    transaction_.emplace(**session_);
  }
  (*session_)->ContinueWriting();
  (*session_)->Execute("UPDATE followers SET position = $1 WHERE name = $2 AND position < $1",
                       {position, name_});
  transaction_->Commit();
}

}  // namespace billhook::storage
