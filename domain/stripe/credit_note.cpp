#include "domain/stripe/credit_note.h"

#include "domain/stripe/fields.h"

namespace billhook::stripe {
namespace {

// Each element names its refund; one that was paid back beside Stripe names a payment record instead.
void DecodeRefunds(Fields& fields, CreditNote& note) {
  const Json* refunds = fields.Find("refunds");
  if (refunds == nullptr) return;
  if (!refunds->is_array()) return fields.Fail("refunds", "a list");
  for (const Json& element : *refunds) {
    Fields refund(element, "credit_note.refunds");
    if (const std::optional<std::string> id = refund.ExpandableId("refund")) note.refunds.push_back(*id);
    if (!refund.ok()) fields.Fail("refunds", "usable: " + refund.fault());
  }
}

}  // namespace

Result<CreditNote, std::string> DecodeCreditNote(const Json& object) {
  const Overlay newest = Upcast("credit_note", object);
  Fields fields(newest, "credit_note");
  CreditNote note;
  note.id = fields.Id("id");
  note.number = fields.OptionalText("number");
  note.invoice = fields.ExpandableId("invoice");
  note.customer = fields.ExpandableId("customer");
  note.status = fields.Id("status");
  note.reason = fields.OptionalText("reason");
  note.currency = fields.Currency("currency");
  note.amount = fields.Amount("amount");
  note.total = fields.OptionalAmount("total").value_or(note.amount);
  note.out_of_band_amount = fields.OptionalAmount("out_of_band_amount");
  note.created_s = fields.OptionalTime("created");
  DecodeRefunds(fields, note);
  if (!fields.ok()) return Unexpected(fields.fault());
  return note;
}

}  // namespace billhook::stripe
