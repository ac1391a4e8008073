#include "domain/stripe/checkout_session.h"

#include "domain/stripe/fields.h"

namespace billhook::stripe {

Result<CheckoutSession, std::string> DecodeCheckoutSession(const Json& object) {
  const Overlay newest = Upcast("checkout.session", object);
  Fields fields(newest, "checkout.session");
  CheckoutSession session;
  session.id = fields.Id("id");
  session.customer = fields.ExpandableId("customer");
  session.mode = fields.OptionalText("mode");
  session.status = fields.OptionalText("status");
  session.payment_status = fields.OptionalText("payment_status");
  session.payment_intent = fields.ExpandableId("payment_intent");
  session.setup_intent = fields.ExpandableId("setup_intent");
  session.subscription = fields.ExpandableId("subscription");
  session.invoice = fields.ExpandableId("invoice");
  session.amount_total = fields.OptionalAmount("amount_total");
  session.currency = fields.OptionalCurrency("currency");
  session.client_reference_id = fields.OptionalText("client_reference_id");
  session.created_s = fields.OptionalTime("created");
  if (!fields.ok()) return Unexpected(fields.fault());
  return session;
}

}  // namespace billhook::stripe
