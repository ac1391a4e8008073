// The publisher against brokers that do as they are told, on both engines.
#include "service/publish/publisher.h"

#include <utility>

#include <gtest/gtest.h>

#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::publish {
namespace {

using test::Engine;

// Takes what it is sent, and confirms what `answer` says.
class ToldBroker : public Broker {
 public:
  using Answer = std::function<Delivery(const std::vector<Message>&)>;
  ToldBroker(Answer answer, std::vector<std::int64_t>& sent) : answer_(std::move(answer)), sent_(sent) {}
  Delivery Send(const std::vector<Message>& messages) override {
    for (const Message& message : messages) sent_.push_back(message.recorded.position);
    return answer_(messages);
  }

 private:
  Answer answer_;
  std::vector<std::int64_t>& sent_;
};

Delivery ConfirmAll(const std::vector<Message>& messages) {
  return {messages.size(), ""};
}

void Nobody(const std::string& what) {
  ADD_FAILURE() << what;
}

class APublisher : public test::OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped()) return;
    database_ = database().Open();
  }

  void Append(int events) {
    std::vector<AppendRequest> requests;
    for (int i = 0; i < events; ++i) requests.push_back(test::StripeAppend("evt_" + std::to_string(++last_)));
    std::vector<const AppendRequest*> batch;
    for (const AppendRequest& request : requests) batch.push_back(&request);
    storage::EventLog(*database_).AppendBatch(batch, test::kNow);
  }

  std::unique_ptr<Publisher> Make(ToldBroker::Answer answer, const std::string& label = "redis/x") {
    return std::make_unique<Publisher>(
        *database_, label,
        [this, answer = std::move(answer)] {
          ++connections_;
          return std::make_unique<ToldBroker>(answer, sent_);
        },
        metrics_, &Nobody);
  }

  std::unique_ptr<storage::Database> database_;
  Metrics metrics_;
  int last_ = 0;
  int connections_ = 0;
  std::vector<std::int64_t> sent_;
};

TEST_P(APublisher, SendsTheLogInOrderAndEachEventOnce) {
  Append(3);
  const auto publisher = Make(&ConfirmAll);
  EXPECT_EQ(publisher->Lag(), 3);
  EXPECT_FALSE(publisher->RunOnce());
  EXPECT_FALSE(publisher->RunOnce());
  Append(2);
  EXPECT_FALSE(publisher->RunOnce());
  EXPECT_EQ(sent_, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(publisher->Lag(), 0);
  EXPECT_EQ(connections_, 1);
  EXPECT_NE(metrics_.Text().find("billhook_published_events_total 5\n"), std::string::npos);
}

TEST_P(APublisher, GoesOnBehindWhatTheBrokerConfirmedAfterAFault) {
  Append(4);
  const auto failing = Make([](const std::vector<Message>&) { return Delivery{2, "away"}; });
  EXPECT_FALSE(failing->RunOnce());
  EXPECT_TRUE(failing->failing());
  EXPECT_EQ(failing->Lag(), 2);
  EXPECT_FALSE(failing->RunOnce()) << "not at once again";
  EXPECT_EQ(sent_, (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_NE(metrics_.Text().find("billhook_publish_failures_total 1\n"), std::string::npos);
  const auto next = Make(&ConfirmAll);
  EXPECT_FALSE(next->RunOnce());
  EXPECT_EQ(sent_, (std::vector<std::int64_t>{1, 2, 3, 4, 3, 4}));
  EXPECT_EQ(next->Lag(), 0);
}

TEST_P(APublisher, SendsSoManyEventsAtATimeAndGoesOn) {
  Append(static_cast<int>(kMostMessages) + 1);
  std::vector<std::size_t> batches;
  const auto publisher = Make([&batches](const std::vector<Message>& messages) {
    batches.push_back(messages.size());
    return ConfirmAll(messages);
  });
  EXPECT_TRUE(publisher->RunOnce());
  EXPECT_FALSE(publisher->RunOnce());
  EXPECT_EQ(batches, (std::vector<std::size_t>{kMostMessages, 1}));
}

TEST_P(APublisher, SendsTheWholeLogToADestinationThatIsNew) {
  Append(2);
  Make(&ConfirmAll)->RunOnce();
  Make(&ConfirmAll, "redis/y")->RunOnce();
  EXPECT_EQ(sent_, (std::vector<std::int64_t>{1, 2, 1, 2}));
}

TEST_P(APublisher, LeavesTheDatabaseFreeWhileTheBrokerIsSlow) {
  Append(1);
  const auto publisher = Make([this](const std::vector<Message>& messages) {
    Append(1);  // would wait for a write lock or a session that the publisher held
    return ConfirmAll(messages);
  });
  publisher->RunOnce();
  EXPECT_EQ(publisher->Lag(), 1);
}

// A SQLite file belongs to one process.
class OneOfTwoPublishers : public APublisher {};

TEST_P(OneOfTwoPublishers, LeavesAloneWhatTheOtherPublishes) {
  Append(2);
  const auto other = Make(&ConfirmAll);
  const auto publisher = Make([&other](const std::vector<Message>& messages) {
    EXPECT_FALSE(other->RunOnce());
    return ConfirmAll(messages);
  });
  publisher->RunOnce();
  EXPECT_EQ(sent_, (std::vector<std::int64_t>{1, 2}));
}

INSTANTIATE_TEST_SUITE_P(Engines, APublisher,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         test::EngineName);
INSTANTIATE_TEST_SUITE_P(Engines, OneOfTwoPublishers, ::testing::Values(Engine::kPostgres), test::EngineName);

}  // namespace
}  // namespace billhook::publish
