#include "tests/support/stripe_events.h"

namespace billhook::test {

std::string BodyOf(const StripeEvent& event) {
  if (!event.payload.empty()) return event.payload;
  Json data = {{"object", event.object}};
  if (!event.previous_attributes.is_null()) data["previous_attributes"] = event.previous_attributes;
  Json body = {{"object", "event"},          {"id", event.id},
               {"type", event.type},         {"created", event.created_s},
               {"livemode", event.livemode}, {"data", std::move(data)}};
  if (!event.account.empty()) body["account"] = event.account;
  return body.dump();
}

RecordedEvent Recorded(const StripeEvent& event, std::int64_t position, const std::string& tenant) {
  RecordedEvent recorded;
  recorded.event.id = "00000000-0000-7000-8000-000000000000";
  recorded.event.tenant = tenant;
  recorded.event.aggregate_type = "object";
  recorded.event.aggregate_id = "id";
  recorded.event.event_type = event.type;
  recorded.event.source = Source::kStripe;
  recorded.event.payload = BodyOf(event);
  recorded.event.caused_by = event.id;
  recorded.event.occurred_at = event.created_s * kMicrosPerSecond;
  recorded.position = position;
  recorded.version = 1;
  return recorded;
}

std::vector<RecordedEvent> Recorded(const std::vector<StripeEvent>& events) {
  std::vector<RecordedEvent> log;
  for (const StripeEvent& event : events)
    log.push_back(Recorded(event, static_cast<std::int64_t>(log.size()) + 1));
  return log;
}

Json With(Json object, const Json& members) {
  object.update(members);
  return object;
}

Json Without(Json object, const std::string& key) {
  object.erase(key);
  return object;
}

Json Charge(const std::string& id, std::int64_t amount) {
  return {{"object", "charge"},   {"id", id},         {"amount", amount},   {"amount_captured", amount},
          {"amount_refunded", 0}, {"captured", true}, {"paid", true},       {"status", "succeeded"},
          {"currency", "usd"},    {"created", kNoon}, {"customer", nullptr}};
}

Json PaymentIntent(const std::string& id, std::int64_t amount_received) {
  return {{"object", "payment_intent"}, {"id", id},          {"amount_received", amount_received},
          {"status", "succeeded"},      {"currency", "usd"}, {"created", kNoon}};
}

Json Refund(const std::string& id, std::int64_t amount, const std::string& charge,
            const std::string& status) {
  return {{"object", "refund"}, {"id", id},          {"amount", amount}, {"charge", charge},
          {"status", status},   {"currency", "usd"}, {"created", kNoon}};
}

Json Dispute(const std::string& id, std::int64_t amount, const std::string& charge,
             const std::string& status) {
  return {{"object", "dispute"}, {"id", id},         {"amount", amount},
          {"charge", charge},    {"status", status}, {"balance_transactions", Json::array()},
          {"currency", "usd"},   {"created", kNoon}};
}

Json Payout(const std::string& id, std::int64_t amount, const std::string& status) {
  return {{"object", "payout"}, {"id", id},          {"amount", amount},
          {"status", status},   {"currency", "usd"}, {"created", kNoon}};
}

Json BalanceTransaction(const std::string& id, std::int64_t amount, std::int64_t fee,
                        const std::string& currency) {
  return {{"object", "balance_transaction"},
          {"id", id},
          {"amount", amount},
          {"fee", fee},
          {"currency", currency},
          {"created", kNoon}};
}

Json Customer(const std::string& id, const std::string& email) {
  return {{"object", "customer"}, {"id", id},          {"name", "Jo"},
          {"email", email},       {"created", kNoon},  {"delinquent", false},
          {"address", nullptr},   {"currency", "usd"}, {"metadata", Json::object()},
          {"phone", nullptr},     {"livemode", true}};
}

Json Invoice(const std::string& id, const std::string& status) {
  const int paid = status == "paid" ? 2000 : 0;
  return {{"object", "invoice"},
          {"id", id},
          {"number", "A-1"},
          {"status", status},
          {"customer", "cus_1"},
          {"currency", "usd"},
          {"amount_due", 2000},
          {"amount_paid", paid},
          {"amount_remaining", 2000 - paid},
          {"subtotal", 2000},
          {"total", 2000},
          {"attempt_count", 1},
          {"created", kNoon},
          {"period_start", kNoon},
          {"period_end", kNoon},
          {"billing_reason", "subscription_cycle"},
          {"collection_method", "charge_automatically"}};
}

Json Subscription(const std::string& id, const std::string& status) {
  const Json price = {
      {"object", "price"},
      {"id", "price_1"},
      {"product", "prod_1"},
      {"currency", "usd"},
      {"unit_amount", 2000},
      {"recurring", {{"interval", "month"}, {"interval_count", 1}, {"usage_type", "licensed"}}}};
  const Json item = {{"id", "si_1"},
                     {"quantity", 1},
                     {"price", price},
                     {"current_period_start", kNoon},
                     {"current_period_end", kNoon + 2'678'400}};
  return {{"object", "subscription"},
          {"id", id},
          {"status", status},
          {"customer", "cus_1"},
          {"currency", "usd"},
          {"start_date", kNoon},
          {"cancel_at_period_end", false},
          {"collection_method", "charge_automatically"},
          {"metadata", Json::object()},
          {"items", {{"object", "list"}, {"data", Json::array({item})}}}};
}

}  // namespace billhook::test
