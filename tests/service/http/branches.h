// A service with a reader, an operator, an admin and one of another tenant, and lives to fork branches from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/subscription_lives.h"
#include "tests/support/test_database.h"

namespace billhook::test {

constexpr const char* kBranches = "/api/v1/branches";
constexpr const char* kEvents = "/api/v1/branches/b/events";

class Branches : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(
        Environment{{"DATABASE_URL", database().url()},
                    {"STRIPE_WEBHOOK_SECRET__OTHER", "whsec_other"},
                    {"API_KEYS",
                     "r:reader:readerkey0000000,o:operator:operatorkey00000,a:admin:adminkey00000000,"
                     "x:admin:otherkey00000000:other"}});
  }

  static http::Fields Key(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }
  Answer Get(const std::string& path, const std::string& key = "operatorkey00000") {
    return service_->Get(path, Key(key));
  }
  Answer Post(const std::string& path, const std::string& body, const std::string& key = "operatorkey00000") {
    return service_->Post(path, body, Key(key));
  }
  Answer Delete(const std::string& path, const std::string& key = "operatorkey00000") {
    return service_->Send("DELETE", path, Key(key));
  }

  static std::string StripeEvents(const std::vector<StripeEvent>& events) {
    std::string body = R"({"stripe_events": [ )";
    for (std::size_t i = 0; i < events.size(); ++i) body += (i > 0 ? " , " : "") + BodyOf(events[i]);
    return body + " ]}";
  }

  // Two customers: each pays for a subscription, one pays an invoice too.
  void RecordLives() {
    for (const StripeEvent& event :
         {StripeEvent{.id = "evt_1", .type = "customer.subscription.created", .object = Paying("sub_1", 500)},
          StripeEvent{.id = "evt_2", .type = "customer.subscription.created", .object = Paying("sub_2", 900)},
          StripeEvent{.id = "evt_3", .type = "charge.succeeded", .object = Charge("ch_1", 500)}}) {
      ASSERT_EQ(service_->PostWebhook(BodyOf(event)).status, 200);
    }
    for (const char* path : {"subscriptions", "ledger/entries", "invoices", "projections"})
      ASSERT_EQ(Get("/api/v1/" + std::string(path) + "?min_position=3&wait_ms=20000").status, 200);
  }
  static StripeEvent Cancels(const std::string& id, const std::string& subscription) {
    return {.id = id,
            .type = "customer.subscription.deleted",
            .object = Paying(subscription, 500, "usd", "canceled"),
            .created_s = kNoon + 60};
  }
  std::string StatusOf(const std::string& id, const std::string& query = "") {
    return Get("/api/v1/subscriptions/" + id + query).Json().value("status", "none");
  }

  std::unique_ptr<RunningService> service_;
};

}  // namespace billhook::test
