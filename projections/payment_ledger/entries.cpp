#include "projections/payment_ledger/entries.h"

#include <algorithm>
#include <limits>
#include <set>

#include "domain/money.h"

namespace billhook::ledger {
namespace {

constexpr const char* kStripeBalance = "stripe_balance";
constexpr const char* kInquiry =
    "warning_";  // how a dispute's status begins while it is one: it moves nothing

std::int64_t CreatedOf(const SourceObject& object) {
  return object.state().created_s.value_or(object.newest->moment.created_s);
}

bool IsNewer(const SourceObject& a, const SourceObject& b) {
  return std::tie(a.newest->moment, a.newest->event_id) > std::tie(b.newest->moment, b.newest->event_id);
}

// An entry over nothing is none, and so is one that int64 cannot hold together with its counter-posting.
Entries Book(Entry entry, Int128 amount) {
  const std::optional<std::int64_t> narrow = Narrow(amount);
  if (!narrow || *narrow == 0 || *narrow == std::numeric_limits<std::int64_t>::min()) return {};
  entry.amount = *narrow;
  return {std::move(entry)};
}

// An entry that bears the object's name and links.
Entry Linked(const char* type, const SourceObject& object, const Links& links) {
  Entry entry;
  entry.type = type;
  entry.source = object.state().id;
  entry.currency = object.state().currency;
  entry.credit = kStripeBalance;
  entry.customer = links.customer;
  entry.payment_intent = links.payment_intent;
  entry.charge = object.state().charge;
  entry.invoice = links.invoice;
  entry.occurred_at_s = CreatedOf(object);
  entry.updated_by = object.newest->event_id;
  return entry;
}

// The sum of what these objects say, and the newest of them and of `object`.
std::pair<Int128, const SourceObject*> SumAndNewest(const SourceObject& object, const Objects& others) {
  std::pair<Int128, const SourceObject*> known = {0, &object};
  for (const SourceObject* other : others) {
    known.first += other->state().amount;
    if (IsNewer(*other, *known.second)) known.second = other;
  }
  return known;
}

}  // namespace

Entries PaymentEntries(const std::string& source, const SourceObject* intent, const Objects& charges,
                       const Links& links) {
  Entry entry;
  entry.type = "payment";
  entry.source = source;
  entry.debit = kStripeBalance;
  entry.credit = "payments";
  const SourceObject* newest = intent;
  const SourceObject* latest_captured = nullptr;
  for (const SourceObject* charge : charges) {
    if (newest == nullptr || IsNewer(*charge, *newest)) newest = charge;
    if (charge->state().captured == 0) continue;
    const auto age = [](const SourceObject& object) {
      return std::make_pair(CreatedOf(object), object.state().id);
    };
    if (latest_captured == nullptr || age(*charge) > age(*latest_captured)) latest_captured = charge;
  }
  if (newest == nullptr) return {};
  entry.updated_by = newest->newest->event_id;
  entry.currency = intent != nullptr ? intent->state().currency : newest->state().currency;

  Int128 captured = 0;
  std::optional<std::int64_t> first_capture_s;
  for (const SourceObject* charge : charges) {
    if (charge->state().captured == 0 || charge->state().currency != entry.currency) continue;
    captured += charge->state().captured;
    first_capture_s = std::min(first_capture_s.value_or(CreatedOf(*charge)), CreatedOf(*charge));
  }
  entry.customer = links.customer;
  entry.payment_intent = links.payment_intent;
  entry.invoice = links.invoice;
  if (intent != nullptr) entry.charge = intent->state().charge;
  if (latest_captured != nullptr) {
    const stripe::MoneyObject& charge = latest_captured->state();
    entry.charge = charge.id;
    if (charge.payment_intent) entry.payment_intent = charge.payment_intent;
    if (!entry.customer) entry.customer = charge.customer;
    if (!entry.invoice) entry.invoice = charge.invoice;
  }
  entry.occurred_at_s = first_capture_s ? *first_capture_s : CreatedOf(*newest);
  // An intent may be tried for weeks before it is paid: when it was created says nothing of that.
  if (!first_capture_s && intent != nullptr) entry.occurred_at_s = intent->received_at_s;
  return Book(std::move(entry), std::max<Int128>(captured, intent != nullptr ? intent->state().amount : 0));
}

Entries RefundRestEntries(const SourceObject& charge, const Objects& refunds, Int128 unnamed,
                          const Links& links) {
  const auto [known, newest] = SumAndNewest(charge, refunds);
  Entry entry = Linked("refund", charge, links);
  entry.debit = "refunds";
  entry.charge = charge.state().id;
  entry.occurred_at_s = charge.refunded_at_s;
  entry.updated_by = newest->newest->event_id;
  return Book(std::move(entry), std::max<Int128>(0, charge.state().refunded - known - unnamed));
}

Entries RefundEntries(const SourceObject& refund, const Links& links) {
  if (refund.state().status != "succeeded" && refund.state().status != "pending") return {};
  Entry entry = Linked("refund", refund, links);
  entry.debit = "refunds";
  return Book(std::move(entry), refund.state().amount);
}

Entries DisputeEntries(const SourceObject& dispute, const Links& links) {
  if (dispute.state().status.starts_with(kInquiry)) return {};
  Entry entry = Linked("dispute", dispute, links);
  entry.debit = "disputes";
  if (dispute.listing == nullptr) {
    const bool withdrawn = dispute.funds_withdrawn && !dispute.funds_reinstated;
    return Book(std::move(entry), withdrawn ? dispute.state().amount : 0);
  }
  Int128 moved = 0;
  for (const stripe::BalanceTransaction& transaction : dispute.balance_transactions())
    moved += transaction.amount;
  entry.currency = dispute.balance_transactions().front().currency;
  return Book(std::move(entry), -moved);
}

Entries PayoutEntries(const SourceObject& payout) {
  if (payout.state().status != "paid" && payout.state().status != "in_transit") return {};
  Entry entry = Linked("payout", payout, {});
  entry.debit = "bank";
  return Book(std::move(entry), payout.state().amount);
}

Entries OutOfBandInvoiceEntries(const SourceObject& invoice, const Objects& invoice_payments) {
  const auto [known, newest] = SumAndNewest(invoice, invoice_payments);
  Entry entry = Linked("payment", invoice, {invoice.state().customer, std::nullopt, invoice.state().id});
  entry.debit = "external";
  entry.credit = "payments";
  entry.updated_by = newest->newest->event_id;
  return Book(std::move(entry), std::max<Int128>(0, invoice.state().amount - known));
}

Entries OutOfBandPaymentEntries(const SourceObject& invoice_payment, const Links& links) {
  Entry entry = Linked("payment", invoice_payment, links);
  entry.debit = "external";
  entry.credit = "payments";
  return Book(std::move(entry), invoice_payment.state().amount);
}

Entries FeeEntries(const SourceObject& object, const Links& links) {
  if (object.state().status.starts_with(kInquiry)) return {};
  Entries fees;
  std::set<std::string> booked;
  for (const stripe::BalanceTransaction& transaction : object.balance_transactions()) {
    if (!booked.insert(transaction.id).second) continue;
    Entry entry = Linked("fee", object, links);
    entry.source = transaction.id;
    entry.debit = "fees";
    entry.currency = transaction.currency;
    if (object.state().kind == stripe::MoneyKind::kCharge) entry.charge = object.state().id;
    if (transaction.created_s) entry.occurred_at_s = *transaction.created_s;
    for (Entry& fee : Book(std::move(entry), transaction.fee)) fees.push_back(std::move(fee));
  }
  return fees;
}

}  // namespace billhook::ledger
