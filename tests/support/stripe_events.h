// Small builders of Stripe objects and events in the newest shape, and of what the log holds of them. Each
// object is whole enough to be used; `With` replaces or adds members where a test is about them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "domain/event.h"
#include "domain/json.h"

namespace billhook::test {

constexpr std::int64_t kNoon =
    1'767'268'800;  // 2026-01-01T12:00:00Z, when events happen unless a test says otherwise

struct StripeEvent {
  std::string id = {};
  std::string type = {};
  Json object = {};  // data.object
  std::int64_t created_s = kNoon;
  Json previous_attributes = nullptr;  // null: none
  bool livemode = true;
  std::string account = {};  // Connect
  std::string payload = {};  // where it is given, the body is this very text
};

// The event's body as Stripe would send it.
std::string BodyOf(const StripeEvent& event);

// The event as the log holds it. What it is about is of no interest to projections and reads "object"/"id".
RecordedEvent Recorded(const StripeEvent& event, std::int64_t position = 1,
                       const std::string& tenant = "default");
// In this order of arrival, from position 1.
std::vector<RecordedEvent> Recorded(const std::vector<StripeEvent>& events);

// The object with these members put in place of its own.
Json With(Json object, const Json& members);
Json Without(Json object, const std::string& key);

// A charge that succeeded and was captured whole.
Json Charge(const std::string& id, std::int64_t amount);
// An intent that succeeded and received that much.
Json PaymentIntent(const std::string& id, std::int64_t amount_received);
Json Refund(const std::string& id, std::int64_t amount, const std::string& charge,
            const std::string& status = "succeeded");
// A dispute without balance transactions.
Json Dispute(const std::string& id, std::int64_t amount, const std::string& charge,
             const std::string& status);
Json Payout(const std::string& id, std::int64_t amount, const std::string& status);
Json BalanceTransaction(const std::string& id, std::int64_t amount, std::int64_t fee,
                        const std::string& currency = "usd");
// A customer with a name and an address for mail.
Json Customer(const std::string& id, const std::string& email = "jo@example.com");
// An invoice of cus_1 over 2000 usd, all of it paid where the status is `paid`.
Json Invoice(const std::string& id, const std::string& status);
// A subscription to one price of 2000 usd a month.
Json Subscription(const std::string& id, const std::string& status);

}  // namespace billhook::test
