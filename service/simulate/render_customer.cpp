#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {

void WriteAddress(JsonWriter& json, std::string_view key, const Person* person) {
  json.Begin(key);
  if (person == nullptr) {
    json.Nulls("city", "country", "line1", "line2", "postal_code", "state");
  } else {
    json.Field("city", person->city);
    json.Field("country", person->country);
    json.Field("line1", person->line1);
    json.Nulls("line2");
    json.Field("postal_code", person->postal_code);
    json.Optional("state", person->state);
  }
  json.End();
}

void Write(JsonWriter& json, const Customer& customer, const Rendering& rendering) {
  const bool modern = HasBasilShapes(rendering.version);
  json.Begin();
  json.Field("id", customer.id);
  json.Field("object", "customer");
  WriteAddress(json, "address", customer.person);
  json.Field("balance", 0);
  json.Field("created", customer.created);
  json.Optional("currency", customer.currency);
  if (rendering.version == ApiVersion::k20260729Dahlia) json.Nulls("customer_account");
  json.Nulls("default_source");
  json.Field("delinquent", customer.delinquent);
  json.Nulls("description", "discount");
  json.Field("email", customer.email);
  json.Field("invoice_prefix", customer.invoice_prefix);
  json.Begin("invoice_settings");
  json.Nulls("custom_fields");
  json.Optional("default_payment_method", customer.default_payment_method);
  json.Nulls("footer");
  if (rendering.version > ApiVersion::k20200827) json.Nulls("rendering_options");
  json.End();
  json.Field("livemode", rendering.livemode);
  json.Begin("metadata");
  json.Field("user_id", customer.user_id);
  json.End();
  json.Field("name", customer.person->name);
  json.Field("next_invoice_sequence", customer.next_invoice_sequence);
  json.Field("phone", customer.person->phone);
  json.EmptyList("preferred_locales");
  json.Begin("shipping");
  WriteAddress(json, "address", customer.person);
  if (!modern) json.Nulls("carrier");
  json.Field("name", customer.person->name);
  json.Field("phone", customer.person->phone);
  if (!modern) json.Nulls("tracking_number");
  json.End();
  json.Field("tax_exempt", "none");
  json.Nulls("test_clock");
  json.End();
}

void WriteChanges(JsonWriter& json, const Customer& before, const Customer& after, const Rendering&) {
  Changed(json, "currency", before.currency, after.currency);
  Changed(json, "delinquent", before.delinquent, after.delinquent);
  Changed(json, "email", before.email, after.email);
  if (before.default_payment_method != after.default_payment_method) {
    json.Begin("invoice_settings");
    json.Optional("default_payment_method", before.default_payment_method);
    json.End();
  }
}

void Write(JsonWriter& json, const PaymentMethod& method, const Rendering& rendering) {
  json.Begin();
  json.Field("id", method.id);
  json.Field("object", "payment_method");
  if (HasBasilShapes(rendering.version)) json.Field("allow_redisplay", "unspecified");
  json.Begin("billing_details");
  WriteAddress(json, "address", method.owner);
  json.Nulls("email");
  json.Field("name", method.owner->name);
  json.Nulls("phone");
  if (HasBasilShapes(rendering.version)) json.Nulls("tax_id");
  json.End();
  json.Begin(method.type);
  if (method.type == "card") {
    json.Field("brand", method.brand);
    json.Begin("checks");
    json.Nulls("address_line1_check");
    json.Field("address_postal_code_check", "pass");
    json.Field("cvc_check", "pass");
    json.End();
    json.Field("country", method.country);
    json.Field("display_brand", method.brand);
    json.Field("exp_month", method.exp_month);
    json.Field("exp_year", method.exp_year);
    json.Field("fingerprint", method.fingerprint);
    json.Field("funding", method.funding);
    json.Nulls("generated_from");
    json.Field("last4", method.last4);
    json.Begin("networks");
    json.BeginList("available");
    json.Value(method.brand);
    json.EndList();
    json.Nulls("preferred");
    json.End();
    json.Begin("three_d_secure_usage");
    json.Field("supported", true);
    json.End();
    json.Nulls("wallet");
  } else {
    json.Field("bank_code", "37040044");
    json.Field("branch_code", "");
    json.Field("country", method.country);
    json.Field("fingerprint", method.fingerprint);
    json.Begin("generated_from");
    json.Nulls("charge", "setup_attempt");
    json.End();
    json.Field("last4", method.last4);
  }
  json.End();
  json.Field("created", method.created);
  json.Optional("customer", method.customer);
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  json.Field("type", method.type);
  json.End();
}

void Write(JsonWriter& json, const SetupIntent& intent, const Rendering& rendering) {
  json.Begin();
  json.Field("id", intent.id);
  json.Field("object", "setup_intent");
  json.Nulls("application");
  if (rendering.version > ApiVersion::k20200827) json.Nulls("automatic_payment_methods");
  json.Nulls("cancellation_reason");
  json.Field("client_secret", intent.client_secret);
  json.Field("created", intent.created);
  json.Field("customer", intent.customer);
  json.Nulls("description", "last_setup_error", "latest_attempt");
  json.Field("livemode", rendering.livemode);
  json.Nulls("mandate");
  json.EmptyObject("metadata");
  json.Nulls("next_action", "on_behalf_of");
  json.Optional("payment_method", intent.payment_method);
  json.Begin("payment_method_options");
  json.Begin("card");
  json.Nulls("mandate_options", "network");
  json.Field("request_three_d_secure", "automatic");
  json.End();
  json.End();
  json.BeginList("payment_method_types");
  json.Value("card");
  json.EndList();
  json.Nulls("single_use_mandate");
  json.Field("status", intent.status);
  json.Field("usage", "off_session");
  json.End();
}

}  // namespace billhook::simulate
