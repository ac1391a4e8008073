// What processes on one PostgreSQL tell each other.
#include "service/storage/announcement.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "service/storage/event_log.h"
#include "service/storage/postgres/postgres_listener.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::Announcement;
using storage::Hearing;

constexpr std::chrono::seconds kPatience{20};

// Keeps what one process hears.
class Ear {
 public:
  explicit Ear(storage::Database& database) {
    database.Listen(
        [this](const Announcement& announcement) {
          const std::lock_guard lock(mutex_);
          heard_.push_back(announcement);
          changed_.notify_all();
        },
        [this](Hearing hearing, const std::string&) {
          const std::lock_guard lock(mutex_);
          hearing_ = hearing;
          ++turns_;
          changed_.notify_all();
        });
  }

  bool Await(Hearing hearing) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return turns_ > 0 && hearing_ == hearing; });
  }
  bool Await(const Announcement& announcement) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return Count(announcement) > 0; });
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    heard_.clear();
  }
  std::size_t CountOf(const Announcement& announcement) {
    const std::lock_guard lock(mutex_);
    return Count(announcement);
  }

 private:
  std::size_t Count(const Announcement& announcement) {
    return static_cast<std::size_t>(std::count(heard_.begin(), heard_.end(), announcement));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Announcement> heard_;
  Hearing hearing_ = Hearing::kAlone;
  int turns_ = 0;
};

void Announce(storage::Database& database, const Announcement& announcement) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kProject);
  session->BeginWrite();
  session->Announce(announcement);
  session->Commit();
}

TEST(AnAnnouncement, IsReadAsItWasWritten) {
  for (const Announcement& announcement : {Announcement{}, Announcement{"subscriptions", 17}})
    EXPECT_EQ(Announcement::From(announcement.ToText()), announcement);
  for (const char* text :
       {"", "appended ", "advanced", "advanced x", "advanced  1", "advanced x 1 ", "advanced x y"})
    EXPECT_FALSE(Announcement::From(text)) << text;
}

class Announcements : public ::testing::Test {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_DATABASE(database_); }
  const TestDatabase database_{Engine::kPostgres};
};

TEST_F(Announcements, OfAnAppendAreHeardByOtherProcessesOnceItIsCommitted) {
  const auto one = database_.Open();
  const auto two = database_.Open();
  Ear own(*one);
  Ear other(*two);
  ASSERT_TRUE(own.Await(Hearing::kWorks) && other.Await(Hearing::kWorks));
  EXPECT_EQ(one->hearing(), Hearing::kWorks);
  own.Forget();
  other.Forget();
  storage::EventLog log(*one);
  AppendOne(log, StripeAppend("evt_1"));
  EXPECT_TRUE(other.Await(Announcement{}));
  AppendOne(log, StripeAppend("evt_1"));  // recorded already: nothing to tell
  Announce(*one, {"marking", 7});
  EXPECT_TRUE(other.Await(Announcement{"marking", 7}));
  EXPECT_EQ(other.CountOf({}), 1U);
  Announce(*two, {"marking", 8});
  EXPECT_TRUE(own.Await(Announcement{"marking", 8}));
  EXPECT_EQ(own.CountOf({}), 0U) << "a process does not hear itself";
  one->StopListening();
  two->StopListening();
}

TEST_F(Announcements, AreHeardAgainAfterTheConnectionWasLost) {
  const auto one = database_.Open();
  const auto two = database_.Open();
  Ear ear(*one);
  ASSERT_TRUE(ear.Await(Hearing::kWorks));
  ear.Forget();
  two->Acquire(storage::Purpose::kRead)
      ->Query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
          "query LIKE '%LISTEN%' AND pid <> pg_backend_pid()");
  EXPECT_TRUE(ear.Await(Announcement{})) << "something may have been announced meanwhile";
  EXPECT_TRUE(ear.Await(Hearing::kWorks));
  Announce(*two, {"marking", 9});
  EXPECT_TRUE(ear.Await(Announcement{"marking", 9}));
  one->StopListening();
}

TEST_F(Announcements, ThatNeverComeBackAreNotReliedOn) {
  // As behind a pooler that hands none on: the connection listens, but what is sent goes elsewhere.
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Hearing> heard;
  const storage::PostgresListener listener(
      database_.url(), "me", [](const std::string&) { throw StorageError("sent nowhere", true); },
      [](const Announcement&) {},
      [&](Hearing hearing, const std::string&) {
        const std::lock_guard lock(mutex);
        heard.push_back(hearing);
        changed.notify_all();
      });
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, kPatience, [&] { return !heard.empty(); }));
  EXPECT_EQ(heard, std::vector<Hearing>{Hearing::kBroken});
  EXPECT_EQ(listener.hearing(), Hearing::kBroken);
}

TEST_F(Announcements, OfATransactionThatIsRolledBackAreNotMade) {
  const auto one = database_.Open();
  const auto two = database_.Open();
  Ear ear(*two);
  ASSERT_TRUE(ear.Await(Hearing::kWorks));
  {
    storage::Database::Lease session = one->Acquire(storage::Purpose::kProject);
    session->BeginWrite();
    session->Announce({"marking", 1});
    session->Rollback();
  }
  Announce(*one, {"marking", 2});
  EXPECT_TRUE(ear.Await(Announcement{"marking", 2}));
  EXPECT_EQ(ear.CountOf({"marking", 1}), 0U);
  two->StopListening();
}

}  // namespace
}  // namespace billhook::test
