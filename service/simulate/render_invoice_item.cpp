#include "service/simulate/render.h"

namespace billhook::simulate {

void Write(JsonWriter& json, const InvoiceItem& item, const Rendering& rendering) {
  const InvoiceLine& line = item.line;
  const bool basil = HasBasilShapes(rendering.version);
  json.Begin();
  json.Field("id", line.invoice_item);
  json.Field("object", "invoiceitem");
  json.Field("amount", line.amount);
  json.Field("currency", item.currency);
  json.Field("customer", item.customer);
  json.Field("date", item.created);
  json.Field("description", line.description);
  json.Field("discountable", false);
  json.EmptyList("discounts");
  json.Nulls("invoice");
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  if (basil) {
    json.Begin("parent");
    json.Begin("subscription_details");
    json.Field("subscription", line.subscription);
    json.Field("subscription_item", line.subscription_item);
    json.End();
    json.Field("type", "subscription_details");
    json.End();
  }
  json.Begin("period");
  json.Field("end", line.period_end);
  json.Field("start", line.period_start);
  json.End();
  if (basil) {
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
  }
  json.Field("proration", true);
  json.Field("quantity", line.quantity);
  if (!basil) {
    json.Field("subscription", line.subscription);
    json.Field("subscription_item", line.subscription_item);
  }
  json.EmptyList("tax_rates");
  json.Nulls("test_clock");
  if (!basil) {
    json.Field("unit_amount", line.amount);
    json.Field("unit_amount_decimal", std::to_string(line.amount));
  }
  json.End();
}

void Write(JsonWriter& json, const InvoicePayment& payment, const Rendering& rendering) {
  json.Begin();
  json.Field("id", payment.id);
  json.Field("object", "invoice_payment");
  if (payment.status == "paid") {
    json.Field("amount_paid", payment.amount);
  } else {
    json.Nulls("amount_paid");
  }
  json.Field("amount_requested", payment.amount);
  json.Field("created", payment.created);
  json.Field("currency", payment.currency);
  json.Field("invoice", payment.invoice);
  json.Field("is_default", true);
  json.Field("livemode", rendering.livemode);
  json.Begin("payment");
  if (!payment.payment_record.empty()) {
    json.Field("payment_record", payment.payment_record);
    json.Field("type", "payment_record");
  } else {
    json.Field("payment_intent", payment.payment_intent);
    json.Field("type", "payment_intent");
  }
  json.End();
  json.Field("status", payment.status);
  json.Begin("status_transitions");
  json.Nulls("canceled_at");
  json.OptionalTime("paid_at", payment.paid_at);
  json.End();
  json.End();
}

}  // namespace billhook::simulate
