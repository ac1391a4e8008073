#include "domain/stripe/upcast.h"

#include <algorithm>

#include "domain/check.h"
#include "domain/stripe/envelope.h"
#include "domain/time.h"

namespace billhook::stripe {
namespace {

// nullptr when `object` is none, or the member is absent or null.
const Json* MemberOf(const Json* object, const char* key) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto member = object->find(key);
  return member == object->end() || member->is_null() ? nullptr : &*member;
}

bool Has(const Overlay& object, const char* key) {
  return object.Find(key) != nullptr;
}

bool IsTrue(const Json* member) {
  return member != nullptr && member->is_boolean() && member->get<bool>();
}

bool IsText(const Json* member, std::string_view text) {
  return member != nullptr && member->is_string() && member->get_ref<const std::string&>() == text;
}

Json OrNull(const Json* member) {
  return member == nullptr ? Json(nullptr) : *member;
}

// Absent or empty.
bool HasNoStatus(const Overlay& object) {
  return !Has(object, "status") || IsText(object.Find("status"), "");
}

void BillingToCollectionMethod(Overlay& object) {
  object.Put("collection_method", *object.Find("billing"));
}

bool HasBilling(const Overlay& object) {
  return !Has(object, "collection_method") && Has(object, "billing");
}

// --- charge. Its list of refunds (until 2022-11-15) is read by nobody: amount_refunded says the sum, and
// each refund has events of its own.

bool HasOldChargeStatus(const Overlay& charge) {
  if (!HasNoStatus(charge)) return IsText(charge.Find("status"), "paid");
  const Json* paid = charge.Find("paid");
  return paid == nullptr || paid->is_boolean();
}

// What was captured had succeeded.
void RenewChargeStatus(Overlay& charge) {
  const bool paid = IsTrue(charge.Find(Has(charge, "paid") ? "paid" : "captured"));
  const bool succeeded = !HasNoStatus(charge) || paid;
  charge.Put("status", succeeded ? "succeeded" : "failed");
}

bool HasNoAmountCaptured(const Overlay& charge) {
  return !Has(charge, "amount_captured") && Has(charge, "amount");
}

void RenewAmountCaptured(Overlay& charge) {
  charge.Put("amount_captured", IsTrue(charge.Find("captured")) ? *charge.Find("amount") : Json(0));
}

// --- credit_note

bool HasOneRefund(const Overlay& note) {
  return !Has(note, "refunds") && Has(note, "refund");
}

void RenewRefunds(Overlay& note) {
  Json refund = {{"type", "refund"}, {"refund", *note.Find("refund")}};
  note.Put("refunds", Json::array({std::move(refund)}));
}

// --- invoice. `paid_out_of_band` stays where it is until 2025-03-31 says it no longer: the ledger books such
// an invoice itself, but later shapes by their invoice_payment, so the one must not be turned into the other.

bool HasFlagsForStatus(const Overlay& invoice) {
  if (!HasNoStatus(invoice)) return false;
  for (const char* key : {"paid", "forgiven", "closed", "attempted"}) {
    if (IsTrue(invoice.Find(key))) return true;
  }
  // Nothing has happened to it yet. One that is sent to the customer may be open all the same.
  return Has(invoice, "closed") && !IsText(invoice.Find("billing"), "send_invoice");
}

// Closing only stopped the automatic collection, as auto_advance does now.
void RenewInvoiceStatus(Overlay& invoice) {
  const bool touched = IsTrue(invoice.Find("closed")) || IsTrue(invoice.Find("attempted"));
  invoice.Put("status", IsTrue(invoice.Find("paid"))       ? "paid"
                        : IsTrue(invoice.Find("forgiven")) ? "uncollectible"
                        : touched                          ? "open"
                                                           : "draft");
}

// One that says it was paid out of band is younger than amount_paid: without it, it is not old but broken.
bool HasNoAmountPaid(const Overlay& invoice) {
  return !Has(invoice, "amount_paid") && !IsTrue(invoice.Find("paid_out_of_band"));
}

void RenewAmountPaid(Overlay& invoice) {
  const Json* due = Has(invoice, "amount_due") ? invoice.Find("amount_due") : invoice.Find("total");
  const bool paid = due != nullptr && IsText(invoice.Find("status"), "paid");
  invoice.Put("amount_paid", paid ? *due : Json(0));
}

bool HasDate(const Overlay& invoice) {
  return !Has(invoice, "created") && Has(invoice, "date");
}

void RenewCreated(Overlay& invoice) {
  invoice.Put("created", *invoice.Find("date"));
}

bool HasSubscription(const Overlay& invoice) {
  return !Has(invoice, "parent") && Has(invoice, "subscription");
}

void RenewParent(Overlay& invoice) {
  Json details = Json::object();
  details["subscription"] = *invoice.Find("subscription");
  Json parent = Json::object();
  parent["subscription_details"] = std::move(details);
  invoice.Put("parent", std::move(parent));
}

bool HasOnePayment(const Overlay& invoice) {
  return !Has(invoice, "payments") && (Has(invoice, "charge") || Has(invoice, "payment_intent"));
}

// Today a payment bears the one or the other; an old invoice told both.
void RenewPayments(Overlay& invoice) {
  Json through = Json::object();
  for (const char* key : {"payment_intent", "charge"}) {
    if (const Json* id = invoice.Find(key)) through[key] = *id;
  }
  Json payment = Json::object();
  payment["payment"] = std::move(through);
  Json payments = Json::object();
  payments["data"].push_back(std::move(payment));
  invoice.Put("payments", std::move(payments));
}

// --- payment_intent

bool HasSourceStatus(const Overlay& intent) {
  const Json* status = intent.Find("status");
  return IsText(status, "requires_source") || IsText(status, "requires_source_action");
}

void RenewSourceStatus(Overlay& intent) {
  const bool action = IsText(intent.Find("status"), "requires_source_action");
  intent.Put("status", action ? "requires_action" : "requires_payment_method");
}

// The latest of the intent's charges, which Stripe lists first: its ID.
const Json* LatestOfCharges(const Overlay& intent) {
  const Json* data = MemberOf(intent.Find("charges"), "data");
  if (data == nullptr || !data->is_array() || data->empty()) return nullptr;
  const Json& latest = data->front();
  const Json* id = latest.is_string() ? &latest : MemberOf(&latest, "id");
  const bool usable = id != nullptr && id->is_string() && IsIdentifier(id->get_ref<const std::string&>());
  return usable ? id : nullptr;
}

bool HasCharges(const Overlay& intent) {
  return !Has(intent, "latest_charge") && LatestOfCharges(intent) != nullptr;
}

void RenewLatestCharge(Overlay& intent) {
  intent.Put("latest_charge", *LatestOfCharges(intent));
}

// --- refund

// Refunds were immediate before they had a status.
void RenewRefundStatus(Overlay& refund) {
  refund.Put("status", "succeeded");
}

// --- subscription

bool HasPlanAlone(const Overlay& subscription) {
  return !Has(subscription, "items") && Has(subscription, "plan");
}

void RenewItems(Overlay& subscription) {
  const Json* quantity = subscription.Find("quantity");
  Json item = {{"plan", *subscription.Find("plan")}, {"quantity", quantity == nullptr ? Json(1) : *quantity}};
  subscription.Put("items", {{"object", "list"}, {"data", Json::array({std::move(item)})}});
}

// Also where Stripe had no `start` either, as in the objects of some of its own test events.
bool HasStart(const Overlay& subscription) {
  return !Has(subscription, "start_date") && (Has(subscription, "start") || Has(subscription, "created"));
}

void RenewStartDate(Overlay& subscription) {
  subscription.Put("start_date", *subscription.Find(Has(subscription, "start") ? "start" : "created"));
}

// The subscription's list of items, or nullptr.
const Json* ItemsOf(const Overlay& subscription) {
  const Json* data = MemberOf(subscription.Find("items"), "data");
  return data != nullptr && data->is_array() ? data : nullptr;
}

// What an item costs: its price, or the plan of old.
const Json* PriceOf(const Json& item) {
  const Json* price = MemberOf(&item, "price");
  return price != nullptr ? price : MemberOf(&item, "plan");
}

// `interval` and `amount` on itself; a price has `recurring` and `unit_amount`.
bool IsPlan(const Json* price) {
  return MemberOf(price, "recurring") == nullptr &&
         (MemberOf(price, "interval") != nullptr || MemberOf(price, "amount") != nullptr);
}

bool ItemHasPlan(const Json& item) {
  const Json* price = PriceOf(item);
  return price != nullptr && (price != MemberOf(&item, "price") || IsPlan(price));
}

bool HasPlansOnItems(const Overlay& subscription) {
  const Json* items = ItemsOf(subscription);
  return items != nullptr && std::any_of(items->begin(), items->end(), &ItemHasPlan);
}

Json PlanToPrice(const Json& plan) {
  // A bare ID, or a price in the plan's place.
  if (!plan.is_object() || MemberOf(&plan, "recurring") != nullptr) return plan;
  Json price = {{"object", "price"},
                {"recurring",
                 {{"interval", OrNull(MemberOf(&plan, "interval"))},
                  {"interval_count", OrNull(MemberOf(&plan, "interval_count"))},
                  {"usage_type", OrNull(MemberOf(&plan, "usage_type"))}}}};
  for (const char* key : {"id", "product", "currency", "unit_amount"})
    price[key] = OrNull(MemberOf(&plan, key));
  // A price below the minor unit has none in whole units.
  if (price["unit_amount"].is_null() && MemberOf(&plan, "unit_amount_decimal") == nullptr)
    price["unit_amount"] = OrNull(MemberOf(&plan, "amount"));
  return price;
}

void RenewPrices(Overlay& subscription) {
  for (Json& item : subscription.Own("items")["data"]) {
    if (ItemHasPlan(item)) item["price"] = PlanToPrice(*PriceOf(item));
  }
}

constexpr const char* kPeriodKeys[] = {"current_period_start", "current_period_end"};

bool IsTime(const Json* member) {
  return member != nullptr && member->is_number_integer() && *member >= 0 && *member <= kMaxUnixSeconds;
}

// Where both tell a period, the subscription's own is the one; but an unusable one of the item stays, to be
// refused.
bool LacksPeriod(const Json& item, const char* key, const Json* own) {
  if (own == nullptr || !item.is_object()) return false;
  const Json* period = MemberOf(&item, key);
  return period == nullptr || (*period != *own && (IsTime(period) || !IsTime(own)));
}

bool HasPeriodOnItself(const Overlay& subscription) {
  const Json* items = ItemsOf(subscription);
  if (items == nullptr) return false;
  for (const char* key : kPeriodKeys) {
    const Json* own = subscription.Find(key);
    for (const Json& item : *items) {
      if (LacksPeriod(item, key, own)) return true;
    }
  }
  return false;
}

void RenewPeriods(Overlay& subscription) {
  for (Json& item : subscription.Own("items")["data"]) {
    for (const char* key : kPeriodKeys) {
      const Json* own = subscription.Find(key);
      if (LacksPeriod(item, key, own)) item[key] = *own;
    }
  }
}

constexpr std::string_view kBasil = "2025-03-31.basil";

// No entry: `request` of an event (a string until 2017-05-25), which only the record holds; customers and
// disputes, whose members that are read never moved; payouts, which were transfers until 2017-04-06 and had
// events of another name; discount.coupon (until 2025-09-30.clover), which is not
// read; a checkout session without payment_status or status, which cannot be told from what it has.
constexpr Upcaster kUpcasters[] = {
    {"charge", "2015-02-18", "status paid, or paid without a status -> status", &HasOldChargeStatus,
     &RenewChargeStatus},
    {"charge", "2020-08-27", "captured -> amount_captured", &HasNoAmountCaptured, &RenewAmountCaptured},
    {"credit_note", kBasil, "refund -> refunds", &HasOneRefund, &RenewRefunds},
    {"invoice", "2018-11-08", "paid, forgiven, closed, attempted -> status", &HasFlagsForStatus,
     &RenewInvoiceStatus},
    {"invoice", "2018-11-08", "amount_due of a paid one -> amount_paid", &HasNoAmountPaid, &RenewAmountPaid},
    {"invoice", "2019-03-14", "date -> created", &HasDate, &RenewCreated},
    {"invoice", "2019-10-17", "billing -> collection_method", &HasBilling, &BillingToCollectionMethod},
    {"invoice", kBasil, "subscription -> parent.subscription_details", &HasSubscription, &RenewParent},
    {"invoice", kBasil, "charge, payment_intent -> payments", &HasOnePayment, &RenewPayments},
    {"payment_intent", "2019-02-11", "statuses about sources -> payment methods", &HasSourceStatus,
     &RenewSourceStatus},
    {"payment_intent", "2022-11-15", "charges -> latest_charge", &HasCharges, &RenewLatestCharge},
    {"refund", "2017-01-27", "no status -> succeeded", &HasNoStatus, &RenewRefundStatus},
    {"subscription", "2017-02-14", "plan, quantity -> items", &HasPlanAlone, &RenewItems},
    {"subscription", "2019-10-17", "billing -> collection_method", &HasBilling, &BillingToCollectionMethod},
    {"subscription", "2019-10-17", "start -> start_date", &HasStart, &RenewStartDate},
    {"subscription", "2020-08-27", "items' plan -> price", &HasPlansOnItems, &RenewPrices},
    {"subscription", kBasil, "current_period_* -> items", &HasPeriodOnItself, &RenewPeriods},
};

}  // namespace

const Json* Overlay::Find(const char* key) const {
  const Json* changed = MemberOf(&changes_, key);
  return changed != nullptr ? changed : MemberOf(original_, key);
}

Json& Overlay::Own(const char* key) {
  if (MemberOf(&changes_, key) == nullptr) {
    const Json* member = MemberOf(original_, key);
    BILLHOOK_CHECK(member != nullptr);
    changes_[key] = *member;
  }
  return changes_[key];
}

std::span<const Upcaster> Upcasters() {
  return kUpcasters;
}

Overlay Upcast(std::string_view name, const Json& object) {
  Overlay newest(object);
  for (const Upcaster& upcaster : kUpcasters) {
    if (upcaster.object == name && upcaster.is_old(newest)) upcaster.renew(newest);
  }
  return newest;
}

}  // namespace billhook::stripe
