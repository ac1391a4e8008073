// What docs/operations.md tells operators to do, done.
#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "domain/stripe/signature.h"
#include "domain/time.h"
#include "service/clock.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

constexpr const char* kOld = "whsec_old";
constexpr const char* kNew = "whsec_new";

// Deliveries as Stripe makes them: signed with every secret that the endpoint has at Stripe, sent again until
// answered.
class StripeEndpoint {
 public:
  StripeEndpoint(std::string address, std::vector<std::string> secrets)
      : address_(std::move(address)), secrets_(std::move(secrets)) {}

  void Roll(std::vector<std::string> secrets) {
    const std::lock_guard lock(mutex_);
    secrets_ = std::move(secrets);
  }

  // The status of the answer that ends the delivery; what Stripe sends again for is none.
  int Deliver(const std::string& body) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      http::Client client(address_);
      const auto answer =
          client.Send("POST", "/webhooks/stripe", {{"Stripe-Signature", Signature(body)}}, body);
      if (answer && answer->status != 503) return answer->status;
    }
    return 0;
  }

 private:
  std::string Signature(const std::string& body) {
    const std::lock_guard lock(mutex_);
    const std::int64_t now = SystemClock() / kMicrosPerSecond;
    std::string header = stripe::SignatureHeader(secrets_.front(), now, body);
    for (std::size_t i = 1; i < secrets_.size(); ++i) {
      const std::string other = stripe::SignatureHeader(secrets_[i], now, body);
      header += other.substr(other.find(",v1="));
    }
    return header;
  }

  const std::string address_;
  std::mutex mutex_;
  std::vector<std::string> secrets_;
};

TEST(SecretRotation, LosesNoEventAndRefusesNone) {
  const TestDatabase database(Engine::kSqliteFile);
  std::map<std::string, std::string> environment = EnvironmentFor(database);
  environment["STRIPE_WEBHOOK_SECRET"] = kOld;
  std::optional<ServeProcess> serve(std::in_place, environment);
  const std::string address = serve->address();
  environment["PORT"] = address.substr(address.rfind(':') + 1);
  const auto restart_with = [&](const std::string& secrets) {
    serve->Signal(SIGTERM);
    ASSERT_EQ(serve->Wait(), 0);
    environment["STRIPE_WEBHOOK_SECRET"] = secrets;
    serve.emplace(environment);
  };

  StripeEndpoint stripe(address, {kOld});
  std::atomic<bool> ending{false};
  std::atomic<int> delivered{0};
  std::thread deliveries([&] {
    for (int i = 0; !ending; ++i) {
      EXPECT_EQ(stripe.Deliver(CustomerEvent("evt_" + std::to_string(i))), 200) << "no event is refused";
      ++delivered;
      delivered.notify_all();
    }
  });
  const auto await_more = [&] {
    for (int before = delivered, now = before; now < before + 20; now = delivered) delivered.wait(now);
  };

  await_more();
  stripe.Roll({kNew, kOld});  // in the dashboard: the old one goes on for a while
  await_more();
  restart_with(std::string(kNew) + "," + kOld);
  await_more();
  stripe.Roll({kNew});  // the while is over
  await_more();
  restart_with(kNew);
  await_more();
  ending = true;
  deliveries.join();

  EXPECT_EQ(Get(address, "/api/v1/statistics")["total_events"], delivered.load());
  EXPECT_EQ(StripeEndpoint(address, {kOld}).Deliver(CustomerEvent("evt_late")), 400) << "the old one is gone";
}

}  // namespace
}  // namespace billhook::test
