#include "domain/stripe/invoice.h"

#include "domain/stripe/fields.h"

namespace billhook::stripe {
namespace {

class Decoder {
 public:
  explicit Decoder(const Json& object) : newest_(Upcast("invoice", object)), fields_(newest_, "invoice") {}

  Result<Invoice, std::string> Decode() {
    invoice_.id = fields_.Id("id");
    invoice_.number = fields_.OptionalText("number");
    invoice_.status = fields_.OptionalText("status");
    invoice_.customer = fields_.ExpandableId("customer");
    invoice_.currency = fields_.Currency("currency");
    DecodeAmounts();
    invoice_.paid_out_of_band = fields_.Flag("paid_out_of_band");
    invoice_.attempt_count = fields_.OptionalAmount("attempt_count").value_or(0);
    invoice_.next_payment_attempt = fields_.OptionalTime("next_payment_attempt");
    invoice_.due_date = fields_.OptionalTime("due_date");
    invoice_.created_s = fields_.OptionalTime("created");
    invoice_.period_start = fields_.OptionalTime("period_start");
    invoice_.period_end = fields_.OptionalTime("period_end");
    invoice_.billing_reason = fields_.OptionalText("billing_reason");
    invoice_.collection_method = fields_.OptionalText("collection_method");
    DecodePaidAt();
    DecodeParent();
    DecodePayments();
    if (!fields_.ok()) return Unexpected(fields_.fault());
    return std::move(invoice_);
  }

 private:
  // amount_due and total differ only by the customer's balance and by what was paid before: the one stands
  // for the other where it is absent, and an absent subtotal is the total.
  void DecodeAmounts() {
    const std::optional<std::int64_t> due = fields_.OptionalSignedAmount("amount_due");
    const std::optional<std::int64_t> total = fields_.OptionalSignedAmount("total");
    if (!due && !total) fields_.Fail("amount_due", "an integer in minor units");
    invoice_.amount_due = due ? *due : total.value_or(0);
    invoice_.total = total.value_or(invoice_.amount_due);
    invoice_.subtotal = fields_.OptionalSignedAmount("subtotal").value_or(invoice_.total);
    invoice_.amount_paid = fields_.SignedAmount("amount_paid");
    if (const auto remaining = fields_.OptionalSignedAmount("amount_remaining")) {
      invoice_.amount_remaining = *remaining;
    } else if (__builtin_sub_overflow(invoice_.amount_due, invoice_.amount_paid,
                                      &invoice_.amount_remaining)) {
      fields_.Fail("amount_remaining", "within 64 bits");
    }
  }

  void DecodePaidAt() {
    const Json* member = fields_.Find("status_transitions");
    if (member == nullptr) return;
    Fields transitions(*member, "invoice.status_transitions");
    invoice_.paid_at = transitions.OptionalTime("paid_at");
    Adopt("status_transitions", transitions);
  }

  void DecodeParent() {
    const Json* member = fields_.Find("parent");
    if (member == nullptr) return;
    Fields parent(*member, "invoice.parent");
    if (const Json* details = parent.Find("subscription_details")) {
      Fields subscription(*details, "invoice.parent.subscription_details");
      invoice_.subscription = subscription.ExpandableId("subscription");
      Adopt("parent", subscription);
    }
    Adopt("parent", parent);
  }

  // The default payment, else the first that is listed; Stripe lists them only where it was asked to.
  void DecodePayments() {
    const Json* member = fields_.Find("payments");
    if (member == nullptr) return;
    const auto data = member->is_object() ? member->find("data") : member->end();
    if (!member->is_object() || data == member->end() || !data->is_array())
      return fields_.Fail("payments", "a list");
    bool has_default = false;
    for (const Json& element : *data) {
      Fields payment(element, "invoice.payments");
      const bool is_default = payment.Flag("is_default");
      if (const Json* how = payment.Find("payment"); how != nullptr && !has_default) {
        Fields through(*how, "invoice.payments.payment");
        const std::optional<std::string> payment_intent = through.ExpandableId("payment_intent");
        const std::optional<std::string> charge = through.ExpandableId("charge");
        Adopt("payments", through);
        const bool is_first = !invoice_.payment_intent && !invoice_.charge;
        if ((payment_intent || charge) && (is_first || is_default)) {
          invoice_.payment_intent = payment_intent;
          invoice_.charge = charge;
          has_default = is_default;
        }
      }
      Adopt("payments", payment);
    }
  }

  void Adopt(const char* key, const Fields& inner) {
    if (!inner.ok()) fields_.Fail(key, "usable: " + inner.fault());
  }

  Overlay newest_;
  Fields fields_;
  Invoice invoice_;
};

}  // namespace

Result<Invoice, std::string> DecodeInvoice(const Json& object) {
  return Decoder(object).Decode();
}

}  // namespace billhook::stripe
