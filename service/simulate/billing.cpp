#include "service/simulate/billing.h"

#include <utility>

namespace billhook::simulate {
namespace {

void MarkPaid(const Patron& patron, Invoice& invoice) {
  invoice.status = "paid";
  invoice.amount_paid = invoice.total;
  invoice.attempted = true;
  invoice.auto_advance = false;
  invoice.next_payment_attempt = 0;
  invoice.paid_at = patron.teller->now();
}

// invoice.updated, invoice.paid and invoice.payment_succeeded: one second, one state.
void TellPaid(const Patron& patron, const Invoice& before, const Invoice& after) {
  Teller& teller = *patron.teller;
  if (teller.random().Chance(50)) teller.TellChange("invoice.updated", before, after);
  teller.Tell("invoice.paid", after);
  teller.Tell("invoice.payment_succeeded", after);
}

InvoicePayment NewInvoicePayment(const Patron& patron, const Invoice& invoice) {
  InvoicePayment payment;
  payment.id = patron.teller->world().Id("inpay_");
  payment.invoice = invoice.id;
  payment.currency = invoice.currency;
  payment.status = "paid";
  payment.amount = invoice.total;
  payment.created = invoice.finalized_at;
  payment.paid_at = patron.teller->now();
  return payment;
}

std::string NumberOf(const Customer& customer) {
  const std::string digits = std::to_string(customer.next_invoice_sequence);
  return customer.invoice_prefix + "-" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

}  // namespace

Bill DraftBill(const Patron& patron, const Subscription& subscription, std::string_view billing_reason,
               std::vector<InvoiceLine> extra_lines, bool with_period) {
  Teller& teller = *patron.teller;
  Bill bill;
  Invoice& invoice = bill.invoice;
  invoice.id = teller.world().Id("in_");
  invoice.status = "draft";
  invoice.currency = subscription.currency;
  invoice.subscription = subscription.id;
  invoice.billing_reason = billing_reason;
  invoice.collection_method = subscription.collection_method;
  invoice.customer = patron.customer;
  invoice.created = teller.now();
  invoice.period_start = with_period ? subscription.period_start : teller.now();
  invoice.period_end = teller.now();
  if (invoice.collection_method == "send_invoice") invoice.due_date = teller.now() + 30 * kDay;
  invoice.lines = std::move(extra_lines);
  for (const SubscriptionItem& item : subscription.items) {
    const bool due = item.period_end == 0 || item.period_start == teller.now();
    if (!with_period || !due) continue;
    InvoiceLine line;
    line.id = teller.world().Id("il_");
    line.price = item.price;
    line.quantity = item.quantity;
    line.subscription = subscription.id;
    line.subscription_item = item.id;
    line.period_start = item.period_end == 0 ? subscription.period_start : item.period_start;
    line.period_end = item.period_end == 0 ? subscription.period_end : item.period_end;
    line.amount = subscription.status == "trialing" ? 0 : item.price->unit_amount * item.quantity;
    line.description = subscription.status == "trialing"
                           ? "Trial period for " + item.price->nickname
                           : std::to_string(item.quantity) + " × " + item.price->nickname;
    invoice.lines.push_back(std::move(line));
  }
  for (const InvoiceLine& line : invoice.lines) invoice.total += line.amount;
  return bill;
}

void FinalizeBill(const Patron& patron, Bill& bill) {
  Teller& teller = *patron.teller;
  Invoice& invoice = bill.invoice;
  invoice.status = "open";
  invoice.number = NumberOf(*patron.customer);
  ++patron.customer->next_invoice_sequence;
  invoice.finalized_at = teller.now();
  invoice.hosted_key = teller.random().Base62(98);
  if (invoice.total > 0) {
    bill.intent =
        OpenIntent(teller, {patron.customer, patron.method},
                   {invoice.total, invoice.currency, "Payment for invoice " + invoice.number, invoice.id});
    invoice.payment_intent = bill.intent->id;
  }
  teller.Tell("invoice.finalized", invoice);
}

void AnnounceBill(const Patron& patron, const Subscription& subscription) {
  Teller& teller = *patron.teller;
  Bill bill = DraftBill(patron, subscription, "upcoming");
  bill.invoice.id.clear();
  bill.invoice.next_payment_attempt = subscription.period_end + kHour;
  teller.Automatically();
  teller.Tell("invoice.upcoming", bill.invoice);
}

std::shared_ptr<Charge> PayBill(const Patron& patron, Bill& bill) {
  Teller& teller = *patron.teller;
  Invoice& invoice = bill.invoice;
  const Invoice before = invoice;
  MarkPaid(patron, invoice);
  if (invoice.total == 0) {
    TellPaid(patron, before, invoice);
    return nullptr;
  }
  ++invoice.attempt_count;
  bill.intent->method = patron.method;
  std::shared_ptr<Charge> charge = Succeed(teller, *bill.intent);
  invoice.charge = charge->id;
  if (HasBasilShapes(teller.version())) {
    InvoicePayment payment = NewInvoicePayment(patron, invoice);
    payment.payment_intent = bill.intent->id;
    invoice.payments.push_back(payment);
    teller.Tell("invoice_payment.paid", payment);
  }
  TellPaid(patron, before, invoice);
  return charge;
}

void PayBillOutOfBand(const Patron& patron, Bill& bill) {
  Teller& teller = *patron.teller;
  Invoice& invoice = bill.invoice;
  const Invoice before = invoice;
  MarkPaid(patron, invoice);
  invoice.paid_out_of_band = true;
  invoice.payment_intent.clear();
  teller.ByRequest();
  const auto book = [&](std::int64_t paid_at) {
    teller.world().Book(&LedgerTruth::gross, invoice.currency, invoice.total, invoice.customer.get(),
                        paid_at);
  };
  if (HasBasilShapes(teller.version())) {
    InvoicePayment payment = NewInvoicePayment(patron, invoice);
    payment.payment_record = teller.world().Id("pr_");
    invoice.payments.push_back(payment);
    book(payment.created);
    teller.Tell("invoice_payment.paid", payment);
  } else {
    book(invoice.created);
  }
  TellPaid(patron, before, invoice);
  CancelIntent(teller, *bill.intent, "automatic");
}

void FailBill(const Patron& patron, Bill& bill, std::int64_t next_attempt) {
  Teller& teller = *patron.teller;
  Invoice& invoice = bill.invoice;
  const Invoice before = invoice;
  const std::shared_ptr<Charge> charge = Decline(teller, *bill.intent);
  ++invoice.attempt_count;
  invoice.attempted = true;
  invoice.charge = charge->id;
  invoice.next_payment_attempt = next_attempt;
  invoice.auto_advance = next_attempt != 0;
  teller.TellChange("invoice.updated", before, invoice);
  teller.Tell("invoice.payment_failed", invoice);
}

void VoidBill(const Patron& patron, Bill& bill) {
  Teller& teller = *patron.teller;
  bill.invoice.status = "void";
  bill.invoice.auto_advance = false;
  bill.invoice.next_payment_attempt = 0;
  bill.invoice.voided_at = teller.now();
  teller.Tell("invoice.voided", bill.invoice);
  if (bill.intent) CancelIntent(teller, *bill.intent, "void_invoice");
}

void DeleteDraft(const Patron& patron, Bill& bill) {
  bill.invoice.deleted = true;
  patron.teller->Tell("invoice.deleted", bill.invoice);
}

void WriteOffBill(const Patron& patron, Bill& bill) {
  Teller& teller = *patron.teller;
  bill.invoice.status = "uncollectible";
  bill.invoice.auto_advance = false;
  bill.invoice.next_payment_attempt = 0;
  bill.invoice.marked_uncollectible_at = teller.now();
  teller.Tell("invoice.marked_uncollectible", bill.invoice);
}

}  // namespace billhook::simulate
