#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {
namespace {

std::string_view FailureMessage(const std::string& code) {
  if (code == "expired_card") return "Your card has expired.";
  if (code == "insufficient_funds") return "Your account has insufficient funds to cover the transaction.";
  return "Your card was declined.";
}

void WriteMethodDetails(JsonWriter& json, const PaymentMethod& method, std::int64_t amount,
                        const Rendering& rendering) {
  json.Begin("payment_method_details");
  json.Begin(method.type);
  if (method.type == "card") {
    if (HasBasilShapes(rendering.version)) {
      json.Field("amount_authorized", amount);
      json.Nulls("authorization_code");
    }
    json.Field("brand", method.brand);
    json.Begin("checks");
    json.Nulls("address_line1_check");
    json.Field("address_postal_code_check", "pass");
    json.Field("cvc_check", "pass");
    json.End();
    json.Field("country", method.country);
    json.Field("exp_month", method.exp_month);
    json.Field("exp_year", method.exp_year);
    if (rendering.version > ApiVersion::k20221115) {
      json.Begin("extended_authorization");
      json.Field("status", "disabled");
      json.End();
    }
    json.Field("fingerprint", method.fingerprint);
    json.Field("funding", method.funding);
    if (rendering.version > ApiVersion::k20221115) {
      json.Begin("incremental_authorization");
      json.Field("status", "unavailable");
      json.End();
    }
    json.Nulls("installments");
    json.Field("last4", method.last4);
    json.Nulls("mandate");
    if (rendering.version > ApiVersion::k20221115) {
      json.Begin("multicapture");
      json.Field("status", "unavailable");
      json.End();
    }
    json.Field("network", method.brand);
    if (rendering.version > ApiVersion::k20221115) {
      json.Begin("network_token");
      json.Field("used", false);
      json.End();
      json.Begin("overcapture");
      json.Field("maximum_amount_capturable", amount);
      json.Field("status", "unavailable");
      json.End();
    }
    if (HasBasilShapes(rendering.version)) json.Field("regulated_status", "unregulated");
    json.Nulls("three_d_secure", "wallet");
  } else {
    json.Field("bank_code", "37040044");
    json.Field("branch_code", "");
    json.Field("country", method.country);
    json.Field("fingerprint", method.fingerprint);
    json.Field("last4", method.last4);
    json.Nulls("mandate");
  }
  json.End();
  json.Field("type", method.type);
  json.End();
}

void WriteOutcome(JsonWriter& json, const Charge& charge, const Rendering& rendering) {
  const bool failed = charge.status == "failed";
  json.Begin("outcome");
  if (HasBasilShapes(rendering.version)) {
    json.Optional("advice_code", failed ? "try_again_later" : "");
    json.Nulls("network_advice_code", "network_decline_code");
  }
  json.Field("network_status", failed ? "declined_by_network" : "approved_by_network");
  json.Optional("reason", failed ? "generic_decline" : "");
  json.Field("risk_level", "normal");
  json.Field("risk_score", charge.risk_score);
  json.Field("seller_message",
             failed ? "The bank did not return any further details with this decline." : "Payment complete.");
  json.Field("type", failed ? "issuer_declined" : "authorized");
  json.End();
}

void WriteRefunds(JsonWriter& json, const std::vector<std::shared_ptr<const Refund>>& refunds,
                  const Rendering& rendering) {
  json.BeginList("data");
  for (auto refund = refunds.rbegin(); refund != refunds.rend(); ++refund) Write(json, **refund, rendering);
  json.EndList();
}

void WriteBillingDetails(JsonWriter& json, const Charge& charge, const Rendering& rendering) {
  json.Begin("billing_details");
  WriteAddress(json, "address", charge.method->owner);
  json.Optional("email", charge.customer ? charge.customer->email : "");
  json.Field("name", charge.method->owner->name);
  json.Nulls("phone");
  if (HasBasilShapes(rendering.version)) json.Nulls("tax_id");
  json.End();
}

void WriteLastPaymentError(JsonWriter& json, const PaymentIntent& intent, const Rendering& rendering) {
  if (intent.failure_code.empty()) return json.Nulls("last_payment_error");
  json.Begin("last_payment_error");
  if (HasBasilShapes(rendering.version)) json.Field("advice_code", "try_again_later");
  if (!intent.charges.empty()) json.Field("charge", intent.charges.back()->id);
  json.Field("code", intent.failure_code == "expired_card" ? "expired_card" : "card_declined");
  json.Field("decline_code", intent.failure_code);
  json.Field("doc_url", "https://stripe.com/docs/error-codes/card-declined");
  json.Field("message", FailureMessage(intent.failure_code));
  json.Key("payment_method");
  Write(json, *intent.method, rendering);
  json.Field("type", "card_error");
  json.End();
}

void WriteNextAction(JsonWriter& json, const PaymentIntent& intent) {
  if (intent.status != "requires_action") return json.Nulls("next_action");
  json.Begin("next_action");
  json.Field("type", "use_stripe_sdk");
  json.Begin("use_stripe_sdk");
  json.Field("source", "src_" + intent.id.substr(3));
  json.Field("type", "three_d_secure_redirect");
  json.End();
  json.End();
}

}  // namespace

void Write(JsonWriter& json, const Charge& charge, const Rendering& rendering) {
  const ApiVersion version = rendering.version;
  const bool failed = charge.status == "failed";
  json.Begin();
  json.Field("id", charge.id);
  json.Field("object", "charge");
  json.Field("amount", charge.amount);
  if (TellsMovedAmounts(version)) json.Field("amount_captured", charge.amount_captured);
  json.Field("amount_refunded", charge.amount_refunded);
  json.Nulls("application", "application_fee", "application_fee_amount");
  json.Optional("balance_transaction", charge.balance_transaction);
  WriteBillingDetails(json, charge, rendering);
  json.Field("calculated_statement_descriptor", "EXAMPLE WORKS");
  json.Field("captured", charge.captured);
  json.Field("created", charge.created);
  json.Field("currency", charge.currency);
  json.Optional("customer", charge.customer ? charge.customer->id : "");
  json.Optional("description", charge.description);
  if (!HasBasilShapes(version)) {
    json.Nulls("destination");
    json.Optional("dispute", charge.dispute);
  }
  json.Field("disputed", !charge.dispute.empty());
  if (version > ApiVersion::k20200827) json.Nulls("failure_balance_transaction");
  json.Optional("failure_code", charge.failure_code);
  json.Optional("failure_message", failed ? FailureMessage(charge.failure_code) : std::string_view());
  json.EmptyObject("fraud_details");
  if (!HasBasilShapes(version)) json.Optional("invoice", charge.invoice);
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  json.Nulls("on_behalf_of");
  if (!HasBasilShapes(version)) json.Nulls("order");
  WriteOutcome(json, charge, rendering);
  json.Field("paid", charge.status == "succeeded");
  json.Optional("payment_intent", charge.payment_intent);
  json.Field("payment_method", charge.method->id);
  WriteMethodDetails(json, *charge.method, charge.amount, rendering);
  if (version == ApiVersion::k20260729Dahlia) {
    json.Begin("presentment_details");
    json.Field("presentment_amount", charge.amount);
    json.Field("presentment_currency", charge.currency);
    json.End();
  }
  if (version > ApiVersion::k20221115) json.EmptyObject("radar_options");
  json.Optional("receipt_email", charge.customer ? charge.customer->email : "");
  json.Nulls("receipt_number");
  json.Optional("receipt_url", failed ? "" : "https://pay.stripe.com/receipts/payment/" + charge.receipt_key);
  json.Field("refunded", charge.amount_captured > 0 && charge.amount_refunded == charge.amount);
  if (ListsChargesAndRefunds(version)) {
    json.Begin("refunds");
    json.Field("object", "list");
    WriteRefunds(json, charge.refunds, rendering);
    json.Field("has_more", false);
    json.Field("total_count", charge.refunds.size());
    json.Field("url", "/v1/charges/" + charge.id + "/refunds");
    json.End();
  }
  json.Nulls("review", "shipping", "source", "source_transfer", "statement_descriptor",
             "statement_descriptor_suffix");
  json.Field("status", charge.status);
  json.Nulls("transfer_data", "transfer_group");
  json.End();
}

void WriteChanges(JsonWriter& json, const Charge& before, const Charge& after, const Rendering& rendering) {
  if (TellsMovedAmounts(rendering.version))
    Changed(json, "amount_captured", before.amount_captured, after.amount_captured);
  Changed(json, "amount_refunded", before.amount_refunded, after.amount_refunded);
  Changed(json, "balance_transaction", before.balance_transaction, after.balance_transaction);
  Changed(json, "captured", before.captured, after.captured);
  if (!HasBasilShapes(rendering.version)) Changed(json, "dispute", before.dispute, after.dispute);
  Changed(json, "disputed", !before.dispute.empty(), !after.dispute.empty());
  Changed(json, "refunded", before.amount_captured > 0 && before.amount_refunded == before.amount,
          after.amount_captured > 0 && after.amount_refunded == after.amount);
  if (ListsChargesAndRefunds(rendering.version) && before.refunds.size() != after.refunds.size()) {
    json.Begin("refunds");
    WriteRefunds(json, before.refunds, rendering);
    json.Field("total_count", before.refunds.size());
    json.End();
  }
}

void Write(JsonWriter& json, const PaymentIntent& intent, const Rendering& rendering) {
  const ApiVersion version = rendering.version;
  const std::string latest_charge = intent.charges.empty() ? std::string() : intent.charges.back()->id;
  json.Begin();
  json.Field("id", intent.id);
  json.Field("object", "payment_intent");
  json.Field("amount", intent.amount);
  json.Field("amount_capturable", intent.amount_capturable);
  json.Begin("amount_details");
  json.EmptyObject("tip");
  json.End();
  json.Field("amount_received", intent.amount_received);
  json.Nulls("application", "application_fee_amount", "automatic_payment_methods");
  json.OptionalTime("canceled_at", intent.canceled_at);
  json.Optional("cancellation_reason", intent.cancellation_reason);
  json.Field("capture_method", intent.capture_method);
  if (ListsChargesAndRefunds(version)) {
    json.Begin("charges");
    json.Field("object", "list");
    json.BeginList("data");
    for (auto charge = intent.charges.rbegin(); charge != intent.charges.rend(); ++charge) {
      Write(json, **charge, rendering);
    }
    json.EndList();
    json.Field("has_more", false);
    json.Field("total_count", intent.charges.size());
    json.Field("url", "/v1/charges?payment_intent=" + intent.id);
    json.End();
  }
  json.Field("client_secret", intent.client_secret);
  json.Field("confirmation_method", "automatic");
  json.Field("created", intent.created);
  json.Field("currency", intent.currency);
  json.Optional("customer", intent.customer ? intent.customer->id : "");
  if (version == ApiVersion::k20260729Dahlia) json.Nulls("customer_account");
  json.Optional("description", intent.description);
  if (HasBasilShapes(version)) {
    json.Nulls("excluded_payment_method_types");
  } else {
    json.Optional("invoice", intent.invoice);
  }
  WriteLastPaymentError(json, intent, rendering);
  if (!ListsChargesAndRefunds(version)) json.Optional("latest_charge", latest_charge);
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  WriteNextAction(json, intent);
  json.Nulls("on_behalf_of");
  json.Optional("payment_method", intent.status == "requires_payment_method" ? "" : intent.method->id);
  if (version > ApiVersion::k20221115) json.Nulls("payment_method_configuration_details");
  json.Begin("payment_method_options");
  json.Begin(intent.method->type);
  if (intent.method->type == "card") {
    json.Nulls("installments", "mandate_options", "network");
    json.Field("request_three_d_secure", "automatic");
  }
  json.End();
  json.End();
  json.BeginList("payment_method_types");
  json.Value(intent.method->type);
  json.EndList();
  json.Nulls("processing", "receipt_email", "review");
  json.Optional("setup_future_usage", intent.invoice.empty() ? "" : "off_session");
  json.Nulls("shipping", "source", "statement_descriptor", "statement_descriptor_suffix");
  json.Field("status", intent.status);
  json.Nulls("transfer_data", "transfer_group");
  json.End();
}

}  // namespace billhook::simulate
