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
  return object.state.created_s.value_or(object.moment.created_s);
}

bool IsNewer(const SourceObject& a, const SourceObject& b) {
  return std::tie(a.moment, a.event_id) > std::tie(b.moment, b.event_id);
}

// An entry over nothing is none, and so is one that int64 cannot hold together with its counter-posting.
Entries Book(Entry entry, Int128 amount) {
  const std::optional<std::int64_t> narrow = Narrow(amount);
  if (!narrow || *narrow == 0 || *narrow == std::numeric_limits<std::int64_t>::min()) return {};
  entry.amount = *narrow;
  return {std::move(entry)};
}

// An entry that takes its links from the object, and from its charge where that is known.
Entry Linked(const char* type, const SourceObject& object, const SourceObject* charge) {
  Entry entry;
  entry.type = type;
  entry.source = object.state.id;
  entry.currency = object.state.currency;
  entry.credit = kStripeBalance;
  entry.customer = object.state.customer;
  entry.payment_intent = object.state.payment_intent;
  entry.charge = object.state.charge;
  entry.invoice = object.state.invoice;
  if (charge != nullptr) {
    entry.customer = charge->state.customer;
    entry.invoice = charge->state.invoice;
    if (charge->state.payment_intent) entry.payment_intent = charge->state.payment_intent;
  }
  entry.occurred_at_s = CreatedOf(object);
  entry.updated_by = object.event_id;
  return entry;
}

}  // namespace

Entries PaymentEntries(const std::string& source, const SourceObject* intent,
                       const std::vector<const SourceObject*>& charges) {
  Entry entry;
  entry.type = "payment";
  entry.source = source;
  entry.debit = kStripeBalance;
  entry.credit = "payments";
  const SourceObject* newest = intent;
  const SourceObject* latest_captured = nullptr;
  for (const SourceObject* charge : charges) {
    if (newest == nullptr || IsNewer(*charge, *newest)) newest = charge;
    if (charge->state.captured == 0) continue;
    const auto age = [](const SourceObject& object) {
      return std::make_pair(CreatedOf(object), object.state.id);
    };
    if (latest_captured == nullptr || age(*charge) > age(*latest_captured)) latest_captured = charge;
  }
  if (newest == nullptr) return {};
  entry.updated_by = newest->event_id;
  entry.currency = intent != nullptr ? intent->state.currency : newest->state.currency;

  Int128 captured = 0;
  std::optional<std::int64_t> first_capture_s;
  for (const SourceObject* charge : charges) {
    if (charge->state.captured == 0 || charge->state.currency != entry.currency) continue;
    captured += charge->state.captured;
    first_capture_s = std::min(first_capture_s.value_or(CreatedOf(*charge)), CreatedOf(*charge));
  }
  if (intent != nullptr) {
    entry.payment_intent = source;
    entry.customer = intent->state.customer;
    entry.charge = intent->state.charge;
    entry.invoice = intent->state.invoice;
  }
  if (latest_captured != nullptr) {
    const stripe::MoneyObject& charge = latest_captured->state;
    entry.charge = charge.id;
    if (charge.payment_intent) entry.payment_intent = charge.payment_intent;
    if (!entry.customer) entry.customer = charge.customer;
    if (!entry.invoice) entry.invoice = charge.invoice;
  }
  entry.occurred_at_s = first_capture_s ? *first_capture_s : CreatedOf(*newest);
  if (!first_capture_s && intent != nullptr) entry.occurred_at_s = CreatedOf(*intent);
  return Book(std::move(entry), std::max<Int128>(captured, intent != nullptr ? intent->state.amount : 0));
}

Entries RefundRestEntries(const SourceObject& charge, const std::vector<const SourceObject*>& refunds) {
  Int128 known = 0;
  const SourceObject* newest = &charge;
  for (const SourceObject* refund : refunds) {
    known += refund->state.amount;
    if (IsNewer(*refund, *newest)) newest = refund;
  }
  Entry entry = Linked("refund", charge, &charge);
  entry.debit = "refunds";
  entry.charge = charge.state.id;
  entry.occurred_at_s = charge.moment.created_s;
  entry.updated_by = newest->event_id;
  return Book(std::move(entry), std::max<Int128>(0, charge.state.refunded - known));
}

Entries RefundEntries(const SourceObject& refund, const SourceObject* charge) {
  if (refund.state.status != "succeeded" && refund.state.status != "pending") return {};
  Entry entry = Linked("refund", refund, charge);
  entry.debit = "refunds";
  return Book(std::move(entry), refund.state.amount);
}

Entries DisputeEntries(const SourceObject& dispute, const SourceObject* charge) {
  const stripe::MoneyObject& state = dispute.state;
  if (state.status.starts_with(kInquiry)) return {};
  Entry entry = Linked("dispute", dispute, charge);
  entry.debit = "disputes";
  if (state.balance_transactions.empty()) {
    const bool withdrawn = dispute.funds_withdrawn && !dispute.funds_reinstated;
    return Book(std::move(entry), withdrawn ? state.amount : 0);
  }
  Int128 moved = 0;
  for (const stripe::BalanceTransaction& transaction : state.balance_transactions)
    moved += transaction.amount;
  entry.currency = state.balance_transactions.front().currency;
  return Book(std::move(entry), -moved);
}

Entries PayoutEntries(const SourceObject& payout) {
  if (payout.state.status != "paid" && payout.state.status != "in_transit") return {};
  Entry entry = Linked("payout", payout, nullptr);
  entry.debit = "bank";
  return Book(std::move(entry), payout.state.amount);
}

Entries OutOfBandEntries(const SourceObject& paid) {
  Entry entry = Linked("payment", paid, nullptr);
  entry.debit = "external";
  entry.credit = "payments";
  if (paid.state.kind == stripe::MoneyKind::kInvoice) entry.invoice = paid.state.id;
  return Book(std::move(entry), paid.state.amount);
}

Entries FeeEntries(const SourceObject& object, const SourceObject* charge) {
  if (object.state.status.starts_with(kInquiry)) return {};
  Entries fees;
  std::set<std::string> booked;
  for (const stripe::BalanceTransaction& transaction : object.state.balance_transactions) {
    if (!booked.insert(transaction.id).second) continue;
    Entry entry = Linked("fee", object, charge);
    entry.source = transaction.id;
    entry.debit = "fees";
    entry.currency = transaction.currency;
    if (object.state.kind == stripe::MoneyKind::kCharge) entry.charge = object.state.id;
    if (transaction.created_s) entry.occurred_at_s = *transaction.created_s;
    for (Entry& fee : Book(std::move(entry), transaction.fee)) fees.push_back(std::move(fee));
  }
  return fees;
}

}  // namespace billhook::ledger
