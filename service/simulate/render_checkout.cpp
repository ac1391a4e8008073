#include "service/simulate/render.h"

namespace billhook::simulate {

void Write(JsonWriter& json, const CheckoutSession& session, const Rendering& rendering) {
  const bool complete = session.status == "complete";
  const bool modern = rendering.version > ApiVersion::k20221115;
  json.Begin();
  json.Field("id", session.id);
  json.Field("object", "checkout.session");
  if (modern) {
    json.Begin("adaptive_pricing");
    json.Field("enabled", false);
    json.End();
  }
  json.Nulls("after_expiration", "allow_promotion_codes");
  json.Field("amount_subtotal", session.amount_total);
  json.Field("amount_total", session.amount_total);
  json.Begin("automatic_tax");
  json.Field("enabled", false);
  json.Nulls("status");
  json.End();
  json.Nulls("billing_address_collection");
  json.Field("cancel_url", "https://shop.example.com/cancel");
  json.Nulls("client_reference_id");
  if (modern) json.Nulls("client_secret", "collected_information");
  json.Nulls("consent", "consent_collection");
  json.Field("created", session.created);
  json.Field("currency", session.currency);
  if (modern) {
    json.Nulls("currency_conversion");
    json.EmptyList("custom_fields");
  }
  json.Begin("custom_text");
  json.Nulls("after_submit", "shipping_address", "submit", "terms_of_service_acceptance");
  json.End();
  json.Optional("customer", session.customer ? session.customer->id : "");
  json.Field("customer_creation", session.customer ? "always" : "if_required");
  if (complete) {
    json.Begin("customer_details");
    WriteAddress(json, "address", session.person);
    json.Field("email", std::string(session.person->mailbox) + "@example.com");
    json.Field("name", session.person->name);
    json.Nulls("phone");
    json.Field("tax_exempt", "none");
    json.EmptyList("tax_ids");
    json.End();
  } else {
    json.Nulls("customer_details");
  }
  json.Nulls("customer_email");
  if (modern) json.EmptyList("discounts");
  json.Field("expires_at", session.created + 86'400);
  json.Optional("invoice", session.invoice);
  json.Nulls("invoice_creation");
  json.Field("livemode", rendering.livemode);
  json.Nulls("locale");
  json.EmptyObject("metadata");
  json.Field("mode", session.mode);
  json.Optional("payment_intent", session.payment_intent);
  json.Nulls("payment_link");
  json.Field("payment_method_collection", "if_required");
  json.EmptyObject("payment_method_options");
  json.BeginList("payment_method_types");
  json.Value(session.method_type);
  json.EndList();
  json.Field("payment_status", session.payment_status);
  json.Begin("phone_number_collection");
  json.Field("enabled", false);
  json.End();
  json.Nulls("recovered_from", "setup_intent");
  if (!HasBasilShapes(rendering.version)) json.Nulls("shipping");
  json.Nulls("shipping_address_collection");
  json.EmptyList("shipping_options");
  json.Field("status", session.status);
  json.Nulls("submit_type");
  json.Optional("subscription", session.subscription);
  json.Field("success_url", "https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}");
  json.Begin("total_details");
  json.Field("amount_discount", 0);
  json.Field("amount_shipping", 0);
  json.Field("amount_tax", 0);
  json.End();
  if (modern) json.Field("ui_mode", "hosted");
  json.Optional("url", session.status == "open" ? "https://checkout.stripe.com/c/pay/" + session.id : "");
  json.End();
}

}  // namespace billhook::simulate
