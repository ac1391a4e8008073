// One fact, told in every shape that Stripe has sent since 2014, is read as one and the same value.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "domain/stripe/checkout_session.h"
#include "domain/stripe/credit_note.h"
#include "domain/stripe/customer.h"
#include "domain/stripe/invoice.h"
#include "domain/stripe/money_object.h"
#include "domain/stripe/subscription.h"
#include "domain/stripe/upcast.h"
#include "tests/support/fixtures.h"

namespace billhook::stripe {
namespace {

using test::AllFixtures;
using test::CanonicalValues;
using test::Fixture;

constexpr std::string_view kNewestShape = "2026-07-29.dahlia";

// Facts that no object is read from: thin events, and the announcement of an invoice that has no ID yet.
const std::set<std::string> kFactsWithoutObject = {"invoice_upcoming", "thin"};

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ToJson(const Subscription& s) {
  Json items = Json::array();
  for (const SubscriptionItem& item : s.items) {
    items.push_back({{"id", OrNull(item.id)},
                     {"price", OrNull(item.price)},
                     {"product", OrNull(item.product)},
                     {"quantity", OrNull(item.quantity)},
                     {"unit_amount", OrNull(item.unit_amount)},
                     {"interval", OrNull(item.interval)},
                     {"interval_count", item.interval_count},
                     {"metered", item.metered}});
  }
  return {{"id", s.id},
          {"customer", OrNull(s.customer)},
          {"status", s.status},
          {"currency", OrNull(s.currency)},
          {"items", items},
          {"current_period_start", OrNull(s.current_period_start)},
          {"current_period_end", OrNull(s.current_period_end)},
          {"cancel_at", OrNull(s.cancel_at)},
          {"cancel_at_period_end", s.cancel_at_period_end},
          {"canceled_at", OrNull(s.canceled_at)},
          {"trial_start", OrNull(s.trial_start)},
          {"trial_end", OrNull(s.trial_end)},
          {"started_at", OrNull(s.started_at)},
          {"ended_at", OrNull(s.ended_at)},
          {"latest_invoice", OrNull(s.latest_invoice)},
          {"collection_method", OrNull(s.collection_method)},
          {"metadata", s.metadata},
          {"mrr", OrNull(s.mrr)}};
}

Json ToJson(const Invoice& i) {
  return {{"id", i.id},
          {"number", OrNull(i.number)},
          {"status", OrNull(i.status)},
          {"customer", OrNull(i.customer)},
          {"subscription", OrNull(i.subscription)},
          {"currency", i.currency},
          {"amount_due", i.amount_due},
          {"amount_paid", i.amount_paid},
          {"amount_remaining", i.amount_remaining},
          {"subtotal", i.subtotal},
          {"total", i.total},
          {"paid_out_of_band", i.paid_out_of_band},
          {"attempt_count", i.attempt_count},
          {"next_payment_attempt", OrNull(i.next_payment_attempt)},
          {"due_date", OrNull(i.due_date)},
          {"paid_at", OrNull(i.paid_at)},
          {"created", OrNull(i.created_s)},
          {"period_start", OrNull(i.period_start)},
          {"period_end", OrNull(i.period_end)},
          {"billing_reason", OrNull(i.billing_reason)},
          {"collection_method", OrNull(i.collection_method)},
          {"payment_intent", OrNull(i.payment_intent)},
          {"charge", OrNull(i.charge)}};
}

Json ToJson(const MoneyObject& m) {
  Json transactions = Json::array();
  for (const BalanceTransaction& transaction : m.balance_transactions) {
    transactions.push_back({{"id", transaction.id},
                            {"amount", transaction.amount},
                            {"fee", transaction.fee},
                            {"currency", transaction.currency},
                            {"created", OrNull(transaction.created_s)}});
  }
  return {{"id", m.id},
          {"amount", m.amount},
          {"captured", m.captured},
          {"refunded", m.refunded},
          {"currency", m.currency},
          {"status", m.status},
          {"customer", OrNull(m.customer)},
          {"payment_intent", OrNull(m.payment_intent)},
          {"charge", OrNull(m.charge)},
          {"invoice", OrNull(m.invoice)},
          {"created", OrNull(m.created_s)},
          {"balance_transactions", transactions}};
}

Json ToJson(const Customer& c) {
  return {{"id", c.id},
          {"name", OrNull(c.name)},
          {"email", OrNull(c.email)},
          {"phone", OrNull(c.phone)},
          {"address", c.address},
          {"description", OrNull(c.description)},
          {"currency", OrNull(c.currency)},
          {"delinquent", c.delinquent},
          {"deleted", c.deleted},
          {"created", OrNull(c.created_s)},
          {"metadata", c.metadata}};
}

Json ToJson(const CreditNote& n) {
  return {{"id", n.id},
          {"number", OrNull(n.number)},
          {"invoice", OrNull(n.invoice)},
          {"customer", OrNull(n.customer)},
          {"status", n.status},
          {"reason", OrNull(n.reason)},
          {"currency", n.currency},
          {"amount", n.amount},
          {"total", n.total},
          {"out_of_band_amount", OrNull(n.out_of_band_amount)},
          {"refunds", n.refunds},
          {"created", OrNull(n.created_s)}};
}

Json ToJson(const CheckoutSession& s) {
  return {{"id", s.id},
          {"customer", OrNull(s.customer)},
          {"mode", OrNull(s.mode)},
          {"status", OrNull(s.status)},
          {"payment_status", OrNull(s.payment_status)},
          {"payment_intent", OrNull(s.payment_intent)},
          {"setup_intent", OrNull(s.setup_intent)},
          {"subscription", OrNull(s.subscription)},
          {"invoice", OrNull(s.invoice)},
          {"amount_total", OrNull(s.amount_total)},
          {"currency", OrNull(s.currency)},
          {"client_reference_id", OrNull(s.client_reference_id)},
          {"created", OrNull(s.created_s)}};
}

template <typename T>
Json ToJsonOrFault(const Result<T, std::string>& decoded) {
  return decoded ? ToJson(*decoded) : Json("refused: " + decoded.error());
}

// All that billhook reads the object as, by reader.
Json Decoded(const Json& object) {
  const std::string name = object.value("object", "");
  Json values = Json::object();
  if (name == "subscription") values["subscription"] = ToJsonOrFault(DecodeSubscription(object));
  if (name == "invoice") values["invoice"] = ToJsonOrFault(DecodeInvoice(object));
  if (name == "customer") values["customer"] = ToJsonOrFault(DecodeCustomer(object));
  if (name == "credit_note") values["credit_note"] = ToJsonOrFault(DecodeCreditNote(object));
  if (name == "checkout.session") values["checkout_session"] = ToJsonOrFault(DecodeCheckoutSession(object));
  if (const std::optional<MoneyKind> kind = MoneyKindNamed(name))
    values["money_object"] = ToJsonOrFault(DecodeMoneyObject(*kind, object));
  return values;
}

TEST(Shapes, OfOneFactAreReadAsOneValue) {
  for (const auto& [fact, canonical] : CanonicalValues()) {
    for (const Fixture& fixture : AllFixtures()) {
      if (fixture.fact != fact) continue;
      Json value = Decoded(fixture.object());
      // What that shape could not tell, and is not made up for it.
      const Json unsaid = canonical.value("unsaid", Json::object()).value(fixture.shape, Json::array());
      for (const Json& pointer : unsaid) {
        const Json::json_pointer at(pointer.get<std::string>());
        ASSERT_TRUE(value.contains(at)) << fixture.name() << " " << pointer;
        EXPECT_TRUE(value.at(at).is_null()) << fixture.name() << " does tell " << pointer;
        EXPECT_FALSE(canonical.at("decodes_to").at(at).is_null()) << fact << " needs no " << pointer;
        value.at(at) = canonical.at("decodes_to").at(at);
      }
      EXPECT_EQ(value, canonical.at("decodes_to"))
          << fixture.name() << " differs in " << Json::diff(canonical.at("decodes_to"), value).dump(1);
    }
  }
}

TEST(Shapes, EveryFactHasACanonicalValueAndItsNewestShape) {
  std::map<std::string, std::set<std::string>> shapes;
  for (const Fixture& fixture : AllFixtures()) shapes[fixture.fact].insert(fixture.shape);
  std::set<std::string> canonical;
  for (const auto& [fact, value] : CanonicalValues()) {
    canonical.insert(fact);
    EXPECT_EQ(shapes.count(fact), 1u) << fact << " has a value but no events";
  }
  EXPECT_GE(canonical.size(), 20u);
  for (const auto& [fact, of_fact] : shapes)
    EXPECT_NE(canonical.count(fact), kFactsWithoutObject.count(fact)) << fact;
}

TEST(Shapes, CarryTheReleaseThatTheirFileIsNamedBy) {
  std::set<std::string> ids;
  for (const Fixture& fixture : AllFixtures()) {
    EXPECT_TRUE(ids.insert(fixture.event.at("id").get<std::string>()).second) << fixture.name();
    const bool thin = fixture.event.at("object") == "v2.core.event";
    const Json told = thin ? fixture.event.at("type") : fixture.event.at("api_version");
    EXPECT_EQ(told, fixture.shape) << fixture.name();
  }
}

TEST(Shapes, ExerciseEveryUpcaster) {
  std::set<const Upcaster*> exercised;
  for (const Fixture& fixture : AllFixtures()) {
    const Json object = fixture.object();
    Overlay overlay(object);
    for (const Upcaster& upcaster : Upcasters()) {
      if (upcaster.object != object.value("object", "") || !upcaster.is_old(overlay)) continue;
      EXPECT_LT(fixture.shape, upcaster.release)
          << fixture.name() << " is younger than what it is renewed by: " << upcaster.what;
      upcaster.renew(overlay);
      EXPECT_FALSE(upcaster.is_old(overlay)) << fixture.name() << " " << upcaster.what;
      exercised.insert(&upcaster);
    }
  }
  for (const Upcaster& upcaster : Upcasters()) {
    EXPECT_EQ(exercised.count(&upcaster), 1u)
        << "no fixture has the shape from before " << upcaster.object << ": " << upcaster.what;
  }
}

TEST(Shapes, OfTodayAreReadWithoutACopy) {
  int newest = 0;
  for (const Fixture& fixture : AllFixtures()) {
    if (fixture.shape != kNewestShape) continue;
    ++newest;
    const Json object = fixture.object();
    EXPECT_TRUE(Upcast(object.value("object", ""), object).changes().is_null()) << fixture.name();
  }
  EXPECT_GE(newest, 20);
}

}  // namespace
}  // namespace billhook::stripe
