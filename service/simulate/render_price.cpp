#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {
namespace {

std::string_view SchemeOf(const Price& price) {
  return IsTiered(price) ? "tiered" : "per_unit";
}

std::string_view UsageOf(const Price& price) {
  return IsMetered(price) ? "metered" : "licensed";
}

void WriteTiersMode(JsonWriter& json, const Price& price) {
  json.Optional("tiers_mode", IsTiered(price) ? "graduated" : "");
}

void WriteAmount(JsonWriter& json, std::string_view key, const Price& price) {
  if (IsTiered(price)) return json.Nulls(key);
  json.Field(key, price.unit_amount);
}

}  // namespace

void WriteUnitAmountDecimal(JsonWriter& json, const Price& price) {
  json.Optional("unit_amount_decimal", IsTiered(price) ? "" : std::to_string(price.unit_amount));
}

void Write(JsonWriter& json, const Product& product, const Rendering& rendering) {
  json.Begin();
  json.Field("id", product.id);
  json.Field("object", "product");
  json.Field("active", true);
  if (!HasBasilShapes(rendering.version)) json.EmptyList("attributes");
  json.Field("created", product.created);
  json.Nulls("default_price");
  json.Field("description", product.description);
  json.EmptyList("images");
  json.Field("livemode", rendering.livemode);
  if (HasBasilShapes(rendering.version)) json.EmptyList("marketing_features");
  json.EmptyObject("metadata");
  json.Field("name", product.name);
  json.Nulls("package_dimensions", "shippable");
  json.Field("statement_descriptor", "EXAMPLE WORKS");
  json.Field("tax_code", "txcd_10103001");
  json.Field("type", "service");
  json.Field("unit_label", "seat");
  json.Field("updated", product.updated);
  json.Nulls("url");
  json.End();
}

void WriteChanges(JsonWriter& json, const Product& before, const Product& after, const Rendering&) {
  Changed(json, "description", before.description, after.description);
  ChangedTime(json, "updated", before.updated, after.updated);
}

void Write(JsonWriter& json, const Price& price, const Rendering& rendering) {
  json.Begin();
  json.Field("id", price.id);
  json.Field("object", "price");
  json.Field("active", true);
  json.Field("billing_scheme", SchemeOf(price));
  json.Field("created", price.created);
  json.Field("currency", price.currency);
  if (rendering.version > ApiVersion::k20200827) json.Nulls("custom_unit_amount");
  json.Field("livemode", rendering.livemode);
  json.Nulls("lookup_key");
  json.EmptyObject("metadata");
  json.Field("nickname", price.nickname);
  json.Field("product", price.product);
  json.Begin("recurring");
  if (!HasBasilShapes(rendering.version)) json.Nulls("aggregate_usage");
  json.Field("interval", price.cadence.unit);
  json.Field("interval_count", price.cadence.count);
  if (rendering.version >= ApiVersion::k20240620) json.Nulls("meter");
  json.Nulls("trial_period_days");
  json.Field("usage_type", UsageOf(price));
  json.End();
  json.Field("tax_behavior", "unspecified");
  WriteTiersMode(json, price);
  json.Nulls("transform_quantity");
  json.Field("type", "recurring");
  WriteAmount(json, "unit_amount", price);
  WriteUnitAmountDecimal(json, price);
  json.End();
}

void WritePlan(JsonWriter& json, const Price& price, const Rendering& rendering) {
  json.Begin();
  json.Field("id", price.id);
  json.Field("object", "plan");
  json.Field("active", true);
  if (!HasBasilShapes(rendering.version)) json.Nulls("aggregate_usage");
  WriteAmount(json, "amount", price);
  json.Optional("amount_decimal", IsTiered(price) ? "" : std::to_string(price.unit_amount));
  json.Field("billing_scheme", SchemeOf(price));
  json.Field("created", price.created);
  json.Field("currency", price.currency);
  json.Field("interval", price.cadence.unit);
  json.Field("interval_count", price.cadence.count);
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  if (rendering.version >= ApiVersion::k20240620) json.Nulls("meter");
  json.Field("nickname", price.nickname);
  json.Field("product", price.product);
  WriteTiersMode(json, price);
  json.Nulls("transform_usage", "trial_period_days");
  json.Field("usage_type", UsageOf(price));
  json.End();
}

}  // namespace billhook::simulate
