#include "tests/support/subscription_lives.h"

namespace billhook::test {

Json Paying(const std::string& id, std::int64_t mrr, const std::string& currency, const std::string& status) {
  Json subscription = Subscription(id, status);
  subscription["items"]["data"][0]["price"]["unit_amount"] = mrr;
  for (Json* priced : {&subscription, &subscription["items"]["data"][0]["price"]}) {
    (*priced)["currency"] = currency;
    if (currency.empty()) priced->erase("currency");
  }
  return subscription;
}

std::vector<StripeEvent> SubscriptionLives(std::mt19937_64& random, std::size_t count,
                                           const std::string& prefix) {
  const auto below = [&random](std::uint64_t end) { return random() % end; };
  const auto of = [&](std::initializer_list<const char*> all) {
    return std::string(all.begin()[below(all.size())]);
  };
  std::vector<StripeEvent> events;
  while (events.size() < count) {
    StripeEvent event;
    event.id = prefix + std::to_string(events.size() * 37 % 101) + "_" + std::to_string(events.size());
    event.type = "customer.subscription." + of({"updated", "updated", "updated", "created", "deleted"});
    event.created_s = kNoon + static_cast<std::int64_t>(below(8) * 43'200 + below(2));
    event.object = Paying(of({"sub_1", "sub_2", "sub_3"}), static_cast<std::int64_t>(below(4)) * 500,
                          of({"usd", "usd", "usd", "eur", ""}),
                          of({"active", "active", "past_due", "trialing", "canceled"}));
    event.object["customer"] = of({"cus_1", "cus_2"});
    event.object["metadata"] = {{"step", std::to_string(below(3))}};
    if (below(8) == 0) event.object["items"]["data"][0]["price"]["unit_amount"] = nullptr;  // tiered
    if (below(8) == 0) event.account = "acct_1";
    if (below(8) == 0) event.livemode = false;
    if (below(3) == 0) event.previous_attributes = {{"metadata", {{"step", std::to_string(below(3))}}}};
    if (below(12) == 0) event.object["items"] = 7;  // of no use
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace billhook::test
