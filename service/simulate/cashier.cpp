#include "service/simulate/cashier.h"

#include <array>

namespace billhook::simulate {
namespace {

constexpr std::array<std::string_view, 3> kDeclineCodes = {"generic_decline", "insufficient_funds",
                                                           "expired_card"};

std::shared_ptr<Charge> NewCharge(Teller& teller, const Payer& payer, const Purchase& purchase,
                                  std::int64_t delay_s) {
  Random& random = teller.random();
  auto charge = std::make_shared<Charge>();
  charge->id = teller.world().Id("ch_");
  charge->currency = purchase.currency;
  charge->description = purchase.description;
  charge->invoice = purchase.invoice;
  charge->customer = payer.customer;
  charge->method = payer.method;
  charge->amount = purchase.amount;
  charge->created = teller.now() + delay_s;
  charge->risk_score = random.Between(1, 64);
  charge->receipt_key = random.Base62(72);
  return charge;
}

std::shared_ptr<Charge> NewChargeOf(Teller& teller, PaymentIntent& intent, std::int64_t delay_s) {
  auto charge = NewCharge(teller, {intent.customer, intent.method},
                          {intent.amount, intent.currency, intent.description, intent.invoice}, delay_s);
  charge->payment_intent = intent.id;
  intent.charges.push_back(charge);
  return charge;
}

void MarkCaptured(Teller& teller, Charge& charge, std::int64_t amount) {
  charge.status = "succeeded";
  charge.captured = true;
  charge.amount_captured = amount;
  charge.balance_transaction = teller.world().Id("txn_");
}

void BookCapture(Teller& teller, const Charge& charge) {
  teller.world().Book(&LedgerTruth::gross, charge.currency, charge.amount_captured, charge.customer.get(),
                      charge.created);
}

void MarkReceived(PaymentIntent& intent, std::int64_t amount) {
  intent.status = "succeeded";
  intent.failure_code.clear();
  intent.amount_capturable = 0;
  intent.amount_received = amount;
}

// charge.succeeded and payment_intent.succeeded come in either order.
void TellSuccess(Teller& teller, const PaymentIntent& intent, const Charge& charge, std::int64_t delay_s) {
  const bool intent_first = teller.random().Chance(30);
  if (intent_first) teller.Tell("payment_intent.succeeded", intent, delay_s);
  teller.Tell("charge.succeeded", charge, delay_s);
  if (!intent_first) teller.Tell("payment_intent.succeeded", intent, delay_s);
}

}  // namespace

std::shared_ptr<PaymentIntent> OpenIntent(Teller& teller, const Payer& payer, const Purchase& purchase,
                                          std::string_view capture_method, std::int64_t delay_s) {
  Random& random = teller.random();
  auto intent = std::make_shared<PaymentIntent>();
  intent->id = teller.world().Id("pi_");
  intent->client_secret = intent->id + "_secret_" + random.Base62(25);
  intent->invoice = purchase.invoice;
  intent->currency = purchase.currency;
  intent->description = purchase.description;
  intent->capture_method = capture_method;
  intent->customer = payer.customer;
  intent->method = payer.method;
  intent->amount = purchase.amount;
  intent->created = teller.now() + delay_s;
  intent->status = "requires_payment_method";
  teller.Tell("payment_intent.created", *intent, delay_s);
  return intent;
}

void AskForConfirmation(Teller& teller, PaymentIntent& intent, std::int64_t delay_s) {
  intent.status = "requires_action";
  teller.Tell("payment_intent.requires_action", intent, delay_s);
}

std::shared_ptr<Charge> Decline(Teller& teller, PaymentIntent& intent, std::int64_t delay_s) {
  auto charge = NewChargeOf(teller, intent, delay_s);
  charge->status = "failed";
  charge->failure_code = kDeclineCodes[teller.random().Below(kDeclineCodes.size())];
  intent.status = "requires_payment_method";
  intent.failure_code = charge->failure_code;
  teller.Tell("charge.failed", *charge, delay_s);
  teller.Tell("payment_intent.payment_failed", intent, delay_s);
  return charge;
}

std::shared_ptr<Charge> Succeed(Teller& teller, PaymentIntent& intent, std::int64_t delay_s) {
  auto charge = NewChargeOf(teller, intent, delay_s);
  MarkCaptured(teller, *charge, intent.amount);
  MarkReceived(intent, intent.amount);
  BookCapture(teller, *charge);
  // Newer versions tell the charge before its balance transaction is there.
  const bool in_two_steps = teller.version() >= ApiVersion::k20240620 && teller.random().Chance(30);
  if (!in_two_steps) {
    TellSuccess(teller, intent, *charge, delay_s);
    return charge;
  }
  const std::string transaction = std::exchange(charge->balance_transaction, {});
  TellSuccess(teller, intent, *charge, delay_s);
  const Charge before = *charge;
  charge->balance_transaction = transaction;
  teller.TellChange("charge.updated", before, *charge, delay_s + teller.random().Between(0, 3));
  return charge;
}

void CancelIntent(Teller& teller, PaymentIntent& intent, std::string_view reason, std::int64_t delay_s) {
  intent.status = "canceled";
  intent.cancellation_reason = reason;
  intent.canceled_at = teller.now() + delay_s;
  intent.amount_capturable = 0;
  teller.Tell("payment_intent.canceled", intent, delay_s);
}

std::shared_ptr<Charge> BeginDebit(Teller& teller, PaymentIntent& intent) {
  auto charge = NewChargeOf(teller, intent, 0);
  charge->status = "pending";
  intent.status = "processing";
  teller.Tell("payment_intent.processing", intent);
  teller.Tell("charge.pending", *charge);
  return charge;
}

void SettleDebit(Teller& teller, PaymentIntent& intent, Charge& charge) {
  MarkCaptured(teller, charge, intent.amount);
  MarkReceived(intent, intent.amount);
  BookCapture(teller, charge);
  TellSuccess(teller, intent, charge, 0);
}

void ReturnDebit(Teller& teller, PaymentIntent& intent, Charge& charge) {
  charge.status = "failed";
  charge.failure_code = "insufficient_funds";
  intent.status = "requires_payment_method";
  intent.failure_code = charge.failure_code;
  teller.Tell("charge.failed", charge);
  teller.Tell("payment_intent.payment_failed", intent);
}

std::shared_ptr<Charge> Authorise(Teller& teller, PaymentIntent& intent) {
  auto charge = NewChargeOf(teller, intent, 0);
  charge->status = "succeeded";
  intent.status = "requires_capture";
  intent.amount_capturable = intent.amount;
  teller.Tell("charge.succeeded", *charge);
  teller.Tell("payment_intent.amount_capturable_updated", intent);
  return charge;
}

void Capture(Teller& teller, PaymentIntent& intent, Charge& charge, std::int64_t amount) {
  const Charge before = charge;
  MarkCaptured(teller, charge, amount);
  charge.amount_refunded = charge.amount - amount;  // Stripe counts what it released as refunded
  MarkReceived(intent, amount);
  BookCapture(teller, charge);
  teller.TellChange("charge.captured", before, charge);
  teller.Tell("payment_intent.succeeded", intent);
}

void Release(Teller& teller, PaymentIntent& intent, Charge& charge) {
  const Charge before = charge;
  charge.amount_refunded = charge.amount;
  teller.TellChange("charge.refunded", before, charge);
  CancelIntent(teller, intent, "requested_by_customer");
}

std::shared_ptr<Charge> ChargeDirectly(Teller& teller, const Payer& payer, const Purchase& purchase) {
  auto charge = NewCharge(teller, payer, purchase, 0);
  MarkCaptured(teller, *charge, purchase.amount);
  BookCapture(teller, *charge);
  teller.Tell("charge.succeeded", *charge);
  return charge;
}

}  // namespace billhook::simulate
