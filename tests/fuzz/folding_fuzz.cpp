// Every projection over a handful of Stripe events, in several orders and batchings: the same rows, and a
// ledger that balances. Input: which projection, which events, how they are edited, and the order.
#include <algorithm>

#include "domain/check.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "projections/registry.h"
#include "tests/fuzz/edited_json.h"
#include "tests/fuzz/fold.h"
#include "tests/support/fixtures.h"
#include "tests/support/stripe_events.h"

using namespace billhook;  // NOLINT

namespace {

test::StripeEvent AnyEvent(FuzzedDataProvider& input, std::size_t number, std::vector<Json>& objects) {
  struct Kind {
    const char* types[3];
    Json object;
  };
  static const std::vector<Kind> kKinds = {
      {{"charge.succeeded", "charge.refunded", "charge.updated"}, test::Charge("ch_1", 1000)},
      {{"charge.succeeded", "charge.captured", "charge.updated"},
       test::With(test::Charge("ch_2", 1000), {{"payment_intent", "pi_1"}})},
      {{"payment_intent.created", "payment_intent.succeeded", "payment_intent.canceled"},
       test::PaymentIntent("pi_1", 1000)},
      {{"refund.created", "refund.updated", "charge.refund.updated"}, test::Refund("re_1", 300, "ch_1")},
      {{"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"},
       test::Dispute("dp_1", 500, "ch_1", "needs_response")},
      {{"payout.created", "payout.paid", "payout.failed"}, test::Payout("po_1", 700, "paid")},
      {{"invoice.created", "invoice.paid", "invoice.deleted"}, test::Invoice("in_1", "paid")},
      {{"customer.created", "customer.updated", "customer.deleted"}, test::Customer("cus_1")},
      {{"customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted"},
       test::Subscription("sub_1", "active")},
  };
  test::StripeEvent event;
  event.id = "evt_" + std::to_string(number);
  const auto choice = input.ConsumeIntegral<std::uint8_t>();
  if (choice < 40 && !objects.empty()) {  // again, a little different
    event.object = objects[choice % objects.size()];
  } else if (choice < 100) {
    const test::Fixture& fixture = test::AllFixtures()[choice % test::AllFixtures().size()];
    event.object = fixture.object();
    event.type = fixture.event.at("type");
  } else {
    event.object = kKinds[choice % kKinds.size()].object;
  }
  for (const Kind& kind : kKinds) {
    if (event.type.empty() && kind.object.at("object") == event.object.value("object", Json()))
      event.type = kind.types[input.ConsumeIntegralInRange(0, 2)];
  }
  if (event.type.empty()) event.type = "charge.updated";
  event.created_s = test::kNoon + input.ConsumeIntegralInRange(0, 2);
  event.livemode = !input.ConsumeBool() || input.ConsumeBool();
  const Json before = event.object;
  event.object = test::Edited(std::move(event.object), input, 4);
  if (input.ConsumeBool() && before.is_object()) {  // the changes as Stripe would list them
    event.previous_attributes = Json::object();
    for (const auto& [key, value] : before.items()) {
      if (!event.object.contains(key) || event.object.at(key) != value)
        event.previous_attributes[key] = value;
    }
  }
  objects.push_back(event.object);
  return event;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  static const PaymentLedger kLedger;
  const std::vector<const Projection*>& all = AllProjections();
  const std::size_t choice = input.ConsumeIntegral<std::uint8_t>() % (2 * all.size());
  const Projection& projection = choice < all.size() ? *all[choice] : kLedger;
  std::vector<test::StripeEvent> events;
  std::vector<Json> objects;
  const auto count = input.ConsumeIntegralInRange<std::size_t>(1, 6);
  while (events.size() < count) events.push_back(AnyEvent(input, events.size(), objects));

  test::Log log = test::Recorded(events);
  const std::string expected = test::Fold(projection, log, log.size());
  const auto same = [&expected](const std::string& outcome) {
    if (outcome == expected) return;
    std::fprintf(stderr, "one order ends in\n%s\nanother in\n%s\n", expected.c_str(), outcome.c_str());
    BILLHOOK_CHECK(outcome == expected);
  };
  std::reverse(log.begin(), log.end());
  same(test::Fold(projection, log, 1));
  for (std::size_t i = 1; i < log.size(); ++i)
    std::swap(log[i], log[input.ConsumeIntegralInRange<std::size_t>(0, i)]);
  same(test::Fold(projection, log, 1 + log.size() / 2));
  return 0;
}
