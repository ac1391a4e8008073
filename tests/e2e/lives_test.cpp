// The proof by an independent oracle: billing lives on a platform, in test mode and on two Connect accounts
// that share every object ID are delivered late, shuffled, twice and over many connections to the real
// binary, which is killed and rebuilds a read model on the way. Afterwards every read model must be what the
// storyteller knows, now and as of earlier times.
//
// BILLHOOK_LIVES says how many lives (the long form: thousands), BILLHOOK_SEED repeats a run.
#include "tests/support/lives.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/time.h"
#include "tests/support/billhook_process.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;
using simulate::HistoryOptions;
using simulate::SimulatedEvent;
using simulate::Truth;

constexpr std::uint64_t kDefaultLives = 300;
constexpr int kConnections = 8;
constexpr int kTimesAsOf = 3;

// One scope's lives.
struct Story {
  Scope scope;
  HistoryOptions options;
};

struct Event {
  std::size_t story = 0;
  SimulatedEvent told;
};

std::vector<Story> StoriesOf(std::uint64_t seed, std::uint64_t lives) {
  const auto story = [](std::uint64_t story_seed, std::uint64_t count, Scope scope) {
    const HistoryOptions options{.seed = story_seed,
                                 .events = EventsOfLives(std::max<std::uint64_t>(count, 2)),
                                 .livemode = scope.livemode,
                                 .account = scope.account,
                                 .pretty = false};
    return Story{std::move(scope), options};
  };
  return {story(seed, lives * 7 / 10, {true, ""}), story(seed, lives / 10, {false, ""}),
          story(seed + 1, lives / 10, {true, "acct_1Bakery"}),
          story(seed + 1, lives / 10, {true, "acct_1Florist"})};
}

// All stories as Stripe would tell them, in order of time.
class Chronicle {
 public:
  explicit Chronicle(std::vector<Story> stories) : stories_(std::move(stories)) {
    for (std::size_t story = 0; story < stories_.size(); ++story) {
      simulate::History history(stories_[story].options);
      while (std::optional<SimulatedEvent> event = history.Next())
        events_.push_back({story, *std::move(event)});
      lives_ += history.lives();
    }
    std::stable_sort(events_.begin(), events_.end(),
                     [](const Event& a, const Event& b) { return a.told.created < b.told.created; });
  }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] std::uint64_t lives() const { return lives_; }

  // Each scope with what its events among the first `count` of all amount to.
  [[nodiscard]] std::vector<std::pair<Scope, Truth>> TruthOfFirst(std::size_t count) const {
    std::vector<std::uint64_t> counts(stories_.size(), 0);
    for (std::size_t i = 0; i < count; ++i) ++counts[events_[i].story];
    std::vector<std::pair<Scope, Truth>> truths;
    for (std::size_t story = 0; story < stories_.size(); ++story)
      truths.emplace_back(stories_[story].scope, TruthOf(stories_[story].options, counts[story]));
    return truths;
  }

  // How many events there are up to that time.
  [[nodiscard]] std::size_t CountUpTo(std::int64_t unix_s) const {
    const auto later =
        std::upper_bound(events_.begin(), events_.end(), unix_s,
                         [](std::int64_t time, const Event& event) { return time < event.told.created; });
    return static_cast<std::size_t>(later - events_.begin());
  }

 private:
  std::vector<Story> stories_;
  std::vector<Event> events_;
  std::uint64_t lives_ = 0;
};

using Truths = std::vector<std::pair<Scope, Truth>>;

void CheckSubscriptionsAndBalances(const std::string& address, const Truths& truths,
                                   const std::string& query) {
  const std::vector<Json> subscriptions = AllOf(address, "/api/v1/subscriptions" + query);
  const std::vector<Json> balances = AllOf(address, "/api/v1/ledger/balances" + query);
  for (const auto& [scope, truth] : truths) {
    SCOPED_TRACE(query + (scope.livemode ? " live " : " test ") + scope.account);
    ExpectSubscriptions(RowsOf(subscriptions, scope), truth);
    ExpectBalances(RowsOf(balances, scope), truth);
  }
}

void CheckCustomersAndInvoices(const std::string& address, const Truths& truths) {
  const std::vector<Json> customers = AllOf(address, "/api/v1/customers");
  const std::vector<Json> invoices = AllOf(address, "/api/v1/invoices");
  for (const auto& [scope, truth] : truths) {
    SCOPED_TRACE((scope.livemode ? "live " : "test ") + scope.account);
    ExpectCustomers(RowsOf(customers, scope), truth);
    ExpectInvoices(RowsOf(invoices, scope), truth);
  }
}

// An object asked for by its ID is the row of the list; where the ID stands under two accounts, one has to be
// named.
void CheckSingles(const std::string& address, const std::string& collection) {
  std::map<std::string, std::vector<Json>> by_id;
  for (const Json& row : AllOf(address, collection)) by_id[row.at("id")].push_back(row);
  std::set<std::size_t> seen;  // how many rows have one ID: one of each kind is enough
  for (const auto& [id, rows] : by_id) {
    if (!seen.insert(rows.size()).second) continue;
    const std::string path = collection + "/" + id;
    if (rows.size() == 1) {
      EXPECT_EQ(Get(address, path), rows.front());
      continue;
    }
    http::Client client(address);
    EXPECT_EQ(client.Send("GET", path)->status, 422) << path;
    for (const Json& row : rows)
      EXPECT_EQ(Get(address, path + "?account=" + row.at("account").get<std::string>()), row);
  }
  EXPECT_EQ(seen, (std::set<std::size_t>{1, 2})) << collection;
}

void CheckRevenue(const std::string& address, const Truths& truths) {
  for (const auto& [scope, truth] : truths) {
    SCOPED_TRACE((scope.livemode ? "live " : "test ") + scope.account);
    ExpectRevenue(address, scope, truth);
  }
}

// As of a time at which something happened: all of that second counts.
void CheckPast(const std::string& address, const Chronicle& chronicle, std::mt19937_64& random) {
  for (int i = 0; i < kTimesAsOf; ++i) {
    const std::int64_t time = chronicle.events()[random() % chronicle.events().size()].told.created;
    CheckSubscriptionsAndBalances(address, chronicle.TruthOfFirst(chronicle.CountUpTo(time)),
                                  "?as_of=" + FormatRfc3339(time * kMicrosPerSecond) + "&time_axis=occurred");
  }
}

class Lives : public OnEachEngine {
 protected:
  // The service in a configuration of chance.
  void Start() {
    static const std::vector<std::string> kProjectionBatches = {"3", "50", "256", "1000"};
    static const std::vector<std::string> kAppendBatches = {"1", "7", "256"};
    std::map<std::string, std::string> environment = EnvironmentFor(database());
    environment["PROJECTION_BATCH"] = kProjectionBatches[random_() % kProjectionBatches.size()];
    environment["APPEND_BATCH_MAX"] = kAppendBatches[random_() % kAppendBatches.size()];
    serve_.emplace(environment);
  }

  // The first events in order over one connection; the time at which the last of them was recorded.
  std::string DeliverInOrder(const std::vector<Event>& events, std::size_t count) {
    http::Client client(serve_->address());
    for (std::size_t i = 0; i < count; ++i) {
      const std::optional<http::Response> response = PostEvent(client, events[i].told.body);
      EXPECT_TRUE(response && response->status == 200) << (response ? response->body : client.error());
    }
    const Json last =
        Get(serve_->address(), "/api/v1/events?limit=1&after_position=" + std::to_string(count - 1));
    return last.at("data").at(0).at("recorded_at");
  }

  // All of `order` over many connections, until each is answered. The process is killed once on the way, and
  // a read model is rebuilt while events go on.
  void DeliverInDisorder(const std::vector<Event>& events, const std::vector<std::size_t>& order) {
    const std::size_t kill_after = 1 + random_() % order.size();
    const std::size_t rebuild_after = 1 + random_() % order.size();
    const std::vector<Json> projections = AllOf(serve_->address(), "/api/v1/projections");
    const std::string rebuilt = projections.at(random_() % projections.size()).at("name");
    std::vector<std::atomic<bool>> answered(order.size());
    std::atomic<std::size_t> answers{0};
    std::atomic<bool> killed{false};
    while (answers < order.size()) {
      std::atomic<std::size_t> next{0};
      std::vector<std::thread> posters;
      for (int poster = 0; poster < kConnections; ++poster) {
        posters.emplace_back([&] {
          http::Client client(serve_->address());
          for (std::size_t i = next++; i < order.size(); i = next++) {
            if (answered[i]) continue;
            const std::optional<http::Response> response = PostEvent(client, events[order[i]].told.body);
            if (!response) return;  // killed
            if (response->status != 200) continue;
            answered[i] = true;
            const std::size_t count = ++answers;
            if (count == rebuild_after) {
              const auto begun = client.Send("POST", "/api/v1/projections/" + rebuilt + "/rebuild");
              EXPECT_TRUE(!begun || begun->status == 202) << begun->body;
            }
            if (count == kill_after) {
              killed = true;
              serve_->Signal(SIGKILL);
            }
          }
        });
      }
      for (std::thread& poster : posters) poster.join();
      if (killed.exchange(false)) {
        EXPECT_EQ(serve_->Wait(), 128 + SIGKILL);
        Start();
      }
    }
  }

  std::mt19937_64 random_;
  std::optional<ServeProcess> serve_;
};

TEST_P(Lives, EndInTheTruthHoweverTheyAreDelivered) {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t seed = SeedFromEnvironment().value_or(std::random_device()());
  const std::uint64_t lives = LivesFromEnvironment(kDefaultLives);
  const std::string again = "BILLHOOK_SEED=" + std::to_string(seed) +
                            " BILLHOOK_LIVES=" + std::to_string(lives) + " tests/run -L e2e -R Lives -V";
  std::cout << "again: " << again << std::endl;
  SCOPED_TRACE(again);
  random_.seed(seed);
  const Chronicle chronicle(StoriesOf(seed, lives));
  const std::vector<Event>& events = chronicle.events();

  const std::size_t in_order = events.size() / 10;
  std::vector<std::size_t> order;
  for (std::size_t i = in_order; i < events.size(); ++i) order.push_back(i);
  for (std::size_t i = 0; i < events.size() / 10; ++i) order.push_back(random_() % events.size());
  std::shuffle(order.begin(), order.end(), random_);

  Start();
  const std::string recorded_at = DeliverInOrder(events, in_order);
  DeliverInDisorder(events, order);
  const std::string& address = serve_->address();
  AwaitProjections(address);
  const auto delivered = std::chrono::steady_clock::now();

  const Json statistics = Get(address, "/api/v1/statistics");
  EXPECT_EQ(statistics["total_events"], events.size()) << statistics;
  EXPECT_EQ(AllOf(address, "/api/v1/dead-letters").size(), 0U);
  const Truths truths = chronicle.TruthOfFirst(events.size());
  CheckSubscriptionsAndBalances(address, truths, "");
  CheckCustomersAndInvoices(address, truths);
  for (const char* collection : {"/api/v1/subscriptions", "/api/v1/customers", "/api/v1/invoices"})
    CheckSingles(address, collection);
  CheckRevenue(address, truths);
  CheckPast(address, chronicle, random_);
  CheckSubscriptionsAndBalances(address, chronicle.TruthOfFirst(in_order),
                                "?as_of=" + recorded_at + "&time_axis=recorded");
  serve_->Signal(SIGTERM);
  EXPECT_EQ(serve_->Wait(), 0);
  ExpectWholeLog(database());

  const auto seconds = [](auto from, auto to) { return std::chrono::duration<double>(to - from).count(); };
  const auto end = std::chrono::steady_clock::now();
  std::cout << chronicle.lives() << " lives, " << events.size() << " events, "
            << order.size() + in_order - events.size() << " sent twice; delivered in "
            << seconds(begin, delivered) << " s, all in " << seconds(begin, end) << " s\n";
}

INSTANTIATE_TEST_SUITE_P(Engines, Lives, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace billhook::test
