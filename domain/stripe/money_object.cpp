#include "domain/stripe/money_object.h"

#include <algorithm>

#include "domain/stripe/fields.h"

namespace billhook::stripe {
namespace {

constexpr MoneyKind kKinds[] = {MoneyKind::kCharge,        MoneyKind::kPaymentIntent, MoneyKind::kRefund,
                                MoneyKind::kDispute,       MoneyKind::kPayout,        MoneyKind::kInvoice,
                                MoneyKind::kInvoicePayment};

class Decoder {
 public:
  Decoder(MoneyKind kind, const Json& object)
      : newest_(Upcast(NameOf(kind), object)), fields_(newest_, NameOf(kind)) {
    decoded_.kind = kind;
  }

  Result<MoneyObject, std::string> Decode() {
    decoded_.id = fields_.Id("id");
    if (decoded_.kind != MoneyKind::kInvoice) decoded_.currency = fields_.Currency("currency");
    decoded_.status = fields_.OptionalText("status").value_or("");
    decoded_.created_s = fields_.OptionalTime("created");
    switch (decoded_.kind) {
      case MoneyKind::kCharge:
        DecodeCharge();
        break;
      case MoneyKind::kPaymentIntent:
        decoded_.amount = fields_.Amount("amount_received");
        decoded_.customer = fields_.ExpandableId("customer");
        decoded_.charge = fields_.ExpandableId("latest_charge");
        DecodeBalanceTransactionOfLatestCharge();
        decoded_.invoice = fields_.ExpandableId("invoice");  // until 2025-03-31
        break;
      case MoneyKind::kRefund:
        decoded_.amount = fields_.Amount("amount");
        DecodeLinks();
        DecodeBalanceTransaction();
        AddBalanceTransactionIn("failure_balance_transaction");
        break;
      case MoneyKind::kDispute:
        decoded_.amount = fields_.Amount("amount");
        DecodeLinks();
        DecodeBalanceTransactions();
        break;
      case MoneyKind::kPayout:
        decoded_.amount = fields_.SignedAmount("amount");  // negative where Stripe took it from the bank
        DecodeBalanceTransaction();
        break;
      case MoneyKind::kInvoice:
        DecodeInvoice();
        break;
      case MoneyKind::kInvoicePayment:
        DecodeInvoicePayment();
        break;
    }
    if (!fields_.ok()) return Unexpected(fields_.fault());
    return std::move(decoded_);
  }

 private:
  void DecodeCharge() {
    decoded_.amount = fields_.Amount("amount");
    if (decoded_.status.empty()) fields_.Fail("status", "a status");
    const std::int64_t captured = fields_.Amount("amount_captured");
    const bool is_captured = fields_.Find("captured") == nullptr || fields_.Flag("captured");
    decoded_.captured = is_captured && decoded_.status == "succeeded" ? captured : 0;
    // Stripe counts a released authorisation as refunded: what never was captured cannot have come back.
    const std::int64_t never_captured = std::max<std::int64_t>(0, decoded_.amount - captured);
    const std::int64_t refunded = fields_.OptionalAmount("amount_refunded").value_or(0);
    decoded_.refunded = std::max<std::int64_t>(0, refunded - never_captured);
    decoded_.customer = fields_.ExpandableId("customer");
    decoded_.payment_intent = fields_.ExpandableId("payment_intent");
    decoded_.invoice = fields_.ExpandableId("invoice");  // until 2025-03-31
    DecodeBalanceTransaction();
  }

  // Until 2025-03-31 an invoice says itself that it was paid beside Stripe. Of other invoices the ledger
  // needs nothing.
  void DecodeInvoice() {
    decoded_.customer = fields_.ExpandableId("customer");
    if (!fields_.Flag("paid_out_of_band")) return;
    decoded_.currency = fields_.Currency("currency");
    decoded_.amount = fields_.Amount("amount_paid");
  }

  // Since then one of its payments does: the type payment_record stands for money that Stripe never saw.
  void DecodeInvoicePayment() {
    decoded_.invoice = fields_.ExpandableId("invoice");
    const Json* payment = fields_.Find("payment");
    if (payment == nullptr) return fields_.Fail("payment", "an object");
    Fields how(*payment, "invoice_payment.payment");
    const std::string type = how.Text("type");
    decoded_.payment_intent = how.ExpandableId("payment_intent");
    decoded_.charge = how.ExpandableId("charge");
    if (!how.ok()) return fields_.Fail("payment", "usable: " + how.fault());
    if (type == "payment_record" && decoded_.status == "paid")
      decoded_.amount = fields_.Amount("amount_paid");
  }

  void DecodeLinks() {
    decoded_.charge = fields_.ExpandableId("charge");
    decoded_.payment_intent = fields_.ExpandableId("payment_intent");
  }

  // `balance_transaction` is an ID unless somebody asked Stripe to expand it.
  void DecodeBalanceTransaction() { AddBalanceTransactionIn("balance_transaction"); }

  void AddBalanceTransactionIn(const char* key) {
    const Json* member = fields_.Find(key);
    if (member != nullptr && member->is_object()) AddBalanceTransaction(*member);
  }

  void DecodeBalanceTransactionOfLatestCharge() {
    const Json* charge = fields_.Find("latest_charge");
    if (charge == nullptr || !charge->is_object()) return;
    const auto transaction = charge->find("balance_transaction");
    if (transaction != charge->end() && transaction->is_object()) AddBalanceTransaction(*transaction);
  }

  void DecodeBalanceTransactions() {
    const Json* members = fields_.Find("balance_transactions");
    if (members == nullptr) return;
    if (!members->is_array()) return fields_.Fail("balance_transactions", "a list");
    for (const Json& member : *members) {
      if (member.is_object()) AddBalanceTransaction(member);
    }
    for (const BalanceTransaction& transaction : decoded_.balance_transactions) {
      if (transaction.currency != decoded_.balance_transactions.front().currency) {
        fields_.Fail("balance_transactions", "in one currency");
      }
    }
  }

  void AddBalanceTransaction(const Json& member) {
    Fields fields(member, "balance_transaction");
    BalanceTransaction transaction;
    transaction.id = fields.Id("id");
    transaction.amount = fields.SignedAmount("amount");
    transaction.fee = fields.Find("fee") == nullptr ? 0 : fields.SignedAmount("fee");
    transaction.currency = fields.Currency("currency");
    transaction.created_s = fields.OptionalTime("created");
    if (!fields.ok()) fields_.Fail("balance_transaction", "usable: " + fields.fault());
    decoded_.balance_transactions.push_back(std::move(transaction));
  }

  Overlay newest_;
  Fields fields_;
  MoneyObject decoded_;
};

}  // namespace

std::string_view NameOf(MoneyKind kind) {
  switch (kind) {
    case MoneyKind::kCharge:
      return "charge";
    case MoneyKind::kPaymentIntent:
      return "payment_intent";
    case MoneyKind::kRefund:
      return "refund";
    case MoneyKind::kDispute:
      return "dispute";
    case MoneyKind::kPayout:
      return "payout";
    case MoneyKind::kInvoice:
      return "invoice";
    case MoneyKind::kInvoicePayment:
      return "invoice_payment";
  }
  BILLHOOK_CHECK(false);
}

std::optional<MoneyKind> MoneyKindNamed(std::string_view name) {
  for (MoneyKind kind : kKinds) {
    if (NameOf(kind) == name) return kind;
  }
  return std::nullopt;
}

std::optional<MoneyKind> MoneyKindOf(std::string_view event_type) {
  if (event_type.starts_with("charge.dispute.")) return MoneyKind::kDispute;
  if (event_type.starts_with("charge.refund.") || event_type.starts_with("refund."))
    return MoneyKind::kRefund;
  if (event_type.starts_with("charge.")) return MoneyKind::kCharge;
  if (event_type.starts_with("payment_intent.")) return MoneyKind::kPaymentIntent;
  if (event_type.starts_with("payout.")) return MoneyKind::kPayout;
  if (event_type.starts_with("invoice_payment.")) return MoneyKind::kInvoicePayment;
  if (event_type.starts_with("invoice.") && event_type != "invoice.upcoming") return MoneyKind::kInvoice;
  return std::nullopt;
}

Result<MoneyObject, std::string> DecodeMoneyObject(MoneyKind kind, const Json& object) {
  return Decoder(kind, object).Decode();
}

}  // namespace billhook::stripe
