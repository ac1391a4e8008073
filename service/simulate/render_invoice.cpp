#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {
namespace {

constexpr std::string_view kAccount = "acct_1KexampleWorksQ7";

void WritePeriod(JsonWriter& json, std::int64_t start, std::int64_t end) {
  json.Begin("period");
  json.Field("end", end);
  json.Field("start", start);
  json.End();
}

void WriteLineParent(JsonWriter& json, const InvoiceLine& line) {
  const bool pending_item = !line.invoice_item.empty();
  json.Begin("parent");
  if (!pending_item) json.Nulls("invoice_item_details");
  json.Begin(pending_item ? "invoice_item_details" : "subscription_item_details");
  json.Optional("invoice_item", line.invoice_item);
  json.Field("proration", line.proration);
  json.Begin("proration_details");
  json.Nulls("credited_items");
  json.End();
  json.Field("subscription", line.subscription);
  if (!pending_item) json.Field("subscription_item", line.subscription_item);
  json.End();
  if (pending_item) json.Nulls("subscription_item_details");
  json.Field("type", pending_item ? "invoice_item_details" : "subscription_item_details");
  json.End();
}

void WriteLine(JsonWriter& json, const InvoiceLine& line, const Invoice& invoice,
               const Rendering& rendering) {
  const bool basil = HasBasilShapes(rendering.version);
  json.Begin();
  json.Field("id", line.id);
  json.Field("object", "line_item");
  json.Field("amount", line.amount);
  if (!basil && rendering.version > ApiVersion::k20200827) json.Field("amount_excluding_tax", line.amount);
  json.Field("currency", invoice.currency);
  json.Field("description", line.description);
  json.EmptyList("discount_amounts");
  json.Field("discountable", !line.proration);
  json.EmptyList("discounts");
  if (rendering.version > ApiVersion::k20200827) json.Optional("invoice", invoice.id);
  if (!basil && !line.invoice_item.empty()) json.Field("invoice_item", line.invoice_item);
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  if (basil) WriteLineParent(json, line);
  WritePeriod(json, line.period_start, line.period_end);
  if (basil) {
    json.EmptyList("pretax_credit_amounts");
    json.Begin("pricing");
    json.Begin("price_details");
    json.Field("price", line.price->id);
    json.Field("product", line.price->product);
    json.End();
    json.Field("type", "price_details");
    WriteUnitAmountDecimal(json, *line.price);
    json.End();
  } else {
    json.Key("plan");
    WritePlan(json, *line.price, rendering);
    if (HasPrices(rendering.version)) {
      json.Key("price");
      Write(json, *line.price, rendering);
    }
    json.Field("proration", line.proration);
    json.Begin("proration_details");
    json.Nulls("credited_items");
    json.End();
  }
  json.Field("quantity", line.quantity);
  if (basil) {
    json.Field("subtotal", line.amount);
    json.EmptyList("taxes");
  } else {
    json.Field("subscription", line.subscription);
    if (!line.subscription_item.empty()) json.Field("subscription_item", line.subscription_item);
    json.EmptyList("tax_amounts");
    json.EmptyList("tax_rates");
    json.Field("type", line.invoice_item.empty() ? "subscription" : "invoiceitem");
    if (rendering.version > ApiVersion::k20200827) {
      json.Field("unit_amount_excluding_tax", std::to_string(line.price->unit_amount));
    }
  }
  json.End();
}

void WriteTransitions(JsonWriter& json, const Invoice& invoice) {
  json.Begin("status_transitions");
  json.OptionalTime("finalized_at", invoice.finalized_at);
  json.OptionalTime("marked_uncollectible_at", invoice.marked_uncollectible_at);
  json.OptionalTime("paid_at", invoice.paid_at);
  json.OptionalTime("voided_at", invoice.voided_at);
  json.End();
}

void WriteBasilParent(JsonWriter& json, const Invoice& invoice) {
  json.Begin("parent");
  json.Nulls("quote_details");
  json.Begin("subscription_details");
  json.EmptyObject("metadata");
  json.Field("subscription", invoice.subscription);
  json.End();
  json.Field("type", "subscription_details");
  json.End();
}

void WritePayments(JsonWriter& json, const Invoice& invoice, const Rendering& rendering) {
  json.Begin("payments");
  json.Field("object", "list");
  json.BeginList("data");
  for (const InvoicePayment& payment : invoice.payments) Write(json, payment, rendering);
  json.EndList();
  json.Field("has_more", false);
  json.Field("total_count", invoice.payments.size());
  json.Field("url", "/v1/invoice_payments?invoice=" + invoice.id);
  json.End();
}

void WritePaymentSettings(JsonWriter& json, const Rendering& rendering) {
  json.Begin("payment_settings");
  if (rendering.version > ApiVersion::k20200827) json.Nulls("default_mandate");
  json.Nulls("payment_method_options", "payment_method_types");
  json.End();
}

}  // namespace

void Write(JsonWriter& json, const Invoice& invoice, const Rendering& rendering) {
  const ApiVersion version = rendering.version;
  const bool basil = HasBasilShapes(version);
  const bool paid = invoice.status == "paid";
  const Person* person = invoice.customer->person;
  json.Begin();
  if (!invoice.id.empty()) json.Field("id", invoice.id);
  json.Field("object", "invoice");
  json.Field("account_country", "DE");
  json.Field("account_name", "Example Works GmbH");
  json.Nulls("account_tax_ids");
  json.Field("amount_due", invoice.total);
  if (version == ApiVersion::k20260729Dahlia) json.Field("amount_overpaid", 0);
  json.Field("amount_paid", invoice.amount_paid);
  json.Field("amount_remaining", invoice.total - invoice.amount_paid);
  json.Field("amount_shipping", 0);
  if (version > ApiVersion::k20200827) json.Nulls("application");
  if (!basil) json.Nulls("application_fee_amount");
  json.Field("attempt_count", invoice.attempt_count);
  json.Field("attempted", invoice.attempted);
  json.Field("auto_advance", invoice.auto_advance);
  json.Begin("automatic_tax");
  json.Field("enabled", false);
  json.Nulls("status");
  json.End();
  if (version >= ApiVersion::k20240620) json.Nulls("automatically_finalizes_at");
  json.Field("billing_reason", invoice.billing_reason);
  if (!basil) json.Optional("charge", invoice.charge);
  if (HasPrices(version)) {
    json.Field("collection_method", invoice.collection_method);
    json.Field("created", invoice.created);
  } else {
    json.Field("billing", invoice.collection_method);
    json.Field("closed", invoice.finalized_at != 0 && !invoice.auto_advance);
    json.Field("date", invoice.created);
    json.Field("forgiven", invoice.status == "uncollectible");
  }
  json.Field("currency", invoice.currency);
  json.Nulls("custom_fields");
  json.Field("customer", invoice.customer->id);
  WriteAddress(json, "customer_address", person);
  json.Field("customer_email", invoice.customer->email);
  json.Field("customer_name", person->name);
  json.Field("customer_phone", person->phone);
  json.Nulls("customer_shipping");
  json.Field("customer_tax_exempt", "none");
  json.EmptyList("customer_tax_ids");
  json.Nulls("default_payment_method", "default_source");
  json.EmptyList("default_tax_rates");
  if (invoice.deleted) json.Field("deleted", true);
  json.Nulls("description");
  if (!basil) json.Nulls("discount");
  json.EmptyList("discounts");
  json.OptionalTime("due_date", invoice.due_date);
  if (version >= ApiVersion::k20240620) json.OptionalTime("effective_at", invoice.finalized_at);
  if (invoice.finalized_at != 0) {
    json.Field("ending_balance", 0);
  } else {
    json.Nulls("ending_balance");
  }
  json.Nulls("footer");
  if (version > ApiVersion::k20200827) json.Nulls("from_invoice");
  if (invoice.finalized_at != 0) {
    const std::string place =
        std::string(kAccount) + "/" + (rendering.livemode ? "live_" : "test_") + invoice.hosted_key;
    json.Field("hosted_invoice_url", "https://invoice.stripe.com/i/" + place + "?s=ap");
    json.Field("invoice_pdf", "https://pay.stripe.com/invoice/" + place + "/pdf?s=ap");
  } else {
    json.Nulls("hosted_invoice_url", "invoice_pdf");
  }
  if (version >= ApiVersion::k20240620) {
    json.Begin("issuer");
    json.Field("type", "self");
    json.End();
  }
  json.Nulls("last_finalization_error");
  if (version > ApiVersion::k20200827) json.Nulls("latest_revision");
  json.Begin("lines");
  json.Field("object", "list");
  json.BeginList("data");
  for (const InvoiceLine& line : invoice.lines) WriteLine(json, line, invoice, rendering);
  json.EndList();
  json.Field("has_more", false);
  json.Field("total_count", invoice.lines.size());
  json.Field("url", invoice.id.empty() ? "/v1/invoices/upcoming/lines?customer=" + invoice.customer->id
                                       : "/v1/invoices/" + invoice.id + "/lines");
  json.End();
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  json.OptionalTime("next_payment_attempt", invoice.next_payment_attempt);
  json.Optional("number", invoice.number);
  json.Nulls("on_behalf_of");
  if (basil) {
    WriteBasilParent(json, invoice);
  } else {
    json.Field("paid", paid);
    json.Field("paid_out_of_band", invoice.paid_out_of_band);
    json.Optional("payment_intent", invoice.payment_intent);
  }
  WritePaymentSettings(json, rendering);
  if (basil && !invoice.payments.empty()) WritePayments(json, invoice, rendering);
  json.Field("period_end", invoice.period_end);
  json.Field("period_start", invoice.period_start);
  json.Field("post_payment_credit_notes_amount", 0);
  json.Field("pre_payment_credit_notes_amount", 0);
  if (!basil) json.Nulls("quote");
  json.Nulls("receipt_number");
  if (version > ApiVersion::k20200827) json.Nulls("rendering", "shipping_cost", "shipping_details");
  json.Field("starting_balance", 0);
  json.Nulls("statement_descriptor");
  json.Field("status", invoice.status);
  WriteTransitions(json, invoice);
  if (!basil) {
    json.Field("subscription", invoice.subscription);
    if (version > ApiVersion::k20200827) {
      json.Begin("subscription_details");
      json.EmptyObject("metadata");
      json.End();
    }
  }
  json.Field("subtotal", invoice.total);
  if (version > ApiVersion::k20200827) json.Field("subtotal_excluding_tax", invoice.total);
  if (!basil) json.Nulls("tax");
  json.Nulls("test_clock");
  json.Field("total", invoice.total);
  json.EmptyList("total_discount_amounts");
  if (version > ApiVersion::k20200827) json.Field("total_excluding_tax", invoice.total);
  if (basil) {
    json.EmptyList("total_pretax_credit_amounts");
    json.EmptyList("total_taxes");
  } else {
    json.EmptyList("total_tax_amounts");
    json.Nulls("transfer_data");
  }
  json.OptionalTime("webhooks_delivered_at", invoice.finalized_at != 0 ? invoice.created : 0);
  json.End();
}

void WriteChanges(JsonWriter& json, const Invoice& before, const Invoice& after, const Rendering& rendering) {
  const bool basil = HasBasilShapes(rendering.version);
  Changed(json, "amount_paid", before.amount_paid, after.amount_paid);
  if (before.amount_paid != after.amount_paid)
    json.Field("amount_remaining", before.total - before.amount_paid);
  Changed(json, "attempt_count", before.attempt_count, after.attempt_count);
  Changed(json, "attempted", before.attempted, after.attempted);
  Changed(json, "auto_advance", before.auto_advance, after.auto_advance);
  if (!basil) Changed(json, "charge", before.charge, after.charge);
  ChangedTime(json, "next_payment_attempt", before.next_payment_attempt, after.next_payment_attempt);
  if (!basil) {
    if ((before.status == "paid") != (after.status == "paid")) json.Field("paid", before.status == "paid");
    Changed(json, "paid_out_of_band", before.paid_out_of_band, after.paid_out_of_band);
    Changed(json, "payment_intent", before.payment_intent, after.payment_intent);
  }
  Changed(json, "status", before.status, after.status);
  if (before.paid_at != after.paid_at) {
    json.Begin("status_transitions");
    json.OptionalTime("paid_at", before.paid_at);
    json.End();
  }
}

}  // namespace billhook::simulate
