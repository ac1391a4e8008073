#include "service/simulate/teller.h"

#include "service/simulate/monthly_revenue.h"

namespace billhook::simulate {

Fact FactAbout(std::string_view, const Subscription& subscription) {
  return SubscriptionFact{
      subscription.id,
      {subscription.status, subscription.customer, subscription.currency, MonthlyRevenue(subscription),
       static_cast<std::int64_t>(subscription.items.size())}};
}

Fact FactAbout(std::string_view, const Invoice& invoice) {
  if (invoice.id.empty()) return {};
  return InvoiceFact{invoice.id,
                     {invoice.status, invoice.customer->id, invoice.subscription, invoice.currency,
                      invoice.total, invoice.amount_paid, invoice.paid_at, invoice.deleted}};
}

Fact FactAbout(std::string_view type, const Customer& customer) {
  return CustomerFact{customer.id, type == "customer.deleted"};
}

void Teller::ByRequest() {
  request_id_ = world_.ShortId("req_");
  const std::string hex = random().Hex(32);
  idempotency_key_ = hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-4" + hex.substr(13, 3) + "-a" +
                     hex.substr(17, 3) + "-" + hex.substr(20);
}

void Teller::Automatically() {
  request_id_.clear();
  idempotency_key_.clear();
}

void Teller::OpenEnvelope(JsonWriter& json, const std::string& id, std::int64_t created) {
  json.Begin();
  json.Field("id", id);
  json.Field("object", "event");
  if (!world_.account().empty()) json.Field("account", world_.account());
  json.Field("api_version", NameOf(version_));
  json.Field("created", created);
  json.Begin("data");
  json.Key("object");
}

void Teller::CloseEnvelope(JsonWriter& json, std::string_view type) {
  json.End();
  json.Field("livemode", world_.livemode());
  json.Field("pending_webhooks", random().Between(1, 3));
  json.Begin("request");
  json.Optional("id", request_id_);
  json.Optional("idempotency_key", idempotency_key_);
  json.End();
  json.Field("type", type);
  json.End();
}

}  // namespace billhook::simulate
