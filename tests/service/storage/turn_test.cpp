// Turns between replicas of this version and of the one before, which keeps them among the checkpoints.
#include "service/storage/turn.h"

#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

constexpr const char* kClaimBefore =
    "SELECT c.position FROM checkpoints c CROSS JOIN log_head h WHERE c.projection = 'saga_runtime' AND "
    "c.generation = 1 FOR UPDATE OF c SKIP LOCKED";

TEST(ATurnOnPostgres, IsOneWithThatOfTheVersionBefore) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  const auto opened = database.Open();
  storage::Database::Lease before = opened->Acquire(storage::Purpose::kProject);
  {
    storage::Transaction transaction(*before);
    before->BeginWrite();
    ASSERT_EQ(before->Query(kClaimBefore).size(), 1U);
    EXPECT_FALSE(storage::Turn(*opened, "saga_runtime").mine());
  }
  {
    storage::Turn turn(*opened, "saga_runtime");
    EXPECT_TRUE(turn.mine());
    storage::Transaction transaction(*before);
    before->BeginWrite();
    EXPECT_TRUE(before->Query(kClaimBefore).empty());
    turn.Finish(7);
  }
  EXPECT_EQ(before->Query("SELECT position FROM checkpoints WHERE projection = 'saga_runtime'").Int(0, 0), 7);
}

}  // namespace
}  // namespace billhook::test
