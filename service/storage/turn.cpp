#include "service/storage/turn.h"

#include <utility>

namespace billhook::storage {

std::string TurnSql(const Session& session) {
  return "SELECT position, " + session.ServerSql() +
         " FROM checkpoints WHERE projection = $1 AND generation = 1";
}

Turn::Turn(Database& database, std::string name) : database_(database), name_(std::move(name)) {
  session_.emplace(database_.Acquire(Purpose::kProject));
  transaction_.emplace(**session_);
  (*session_)->BeginProjecting();
  const Rows own =
      (*session_)->Query(TurnSql(**session_) + (*session_)->Claiming("checkpoints", Claim::kPassBy), {name_});
  mine_ = !own.empty();
  if (mine_) {
    position_ = own.Int(0, 0);
    server_ = own.Text(0, 1);
  }
  if (database_.engine() != "sqlite") return;
  // In memory there is one session for all: the right does not hang on it.
  transaction_.reset();
  session_.reset();
}

void Turn::Finish(std::int64_t position) {
  if (!session_) {
    session_.emplace(database_.Acquire(Purpose::kProject));
    transaction_.emplace(**session_);
  }
  (*session_)->ContinueWriting();
  (*session_)->Execute(
      "UPDATE checkpoints SET position = $1 WHERE projection = $2 AND generation = 1 AND position < $1",
      {position, name_});
  transaction_->Commit();
}

}  // namespace billhook::storage
