#include "projections/customers.h"

#include "domain/check.h"
#include "domain/stripe/customer.h"
#include "projections/body_json.h"
#include "projections/newest_object.h"

namespace billhook {

const Table Customers::kTable = NewestObjectTable("customers", {{"email_key"}});

std::string Customers::EmailKey(std::string_view email) {
  return ToHex(Sha256({email})).substr(0, 32);
}

namespace {

// customer.subscription.*, customer.source.* and others of that beginning are about other objects.
bool Reads(std::string_view event_type) {
  return event_type == "customer.created" || event_type == "customer.updated" ||
         event_type == "customer.deleted";
}

Result<ObjectSighting, std::string> Judge(const Json& object) {
  const Result<stripe::Customer, std::string> decoded = stripe::DecodeCustomer(object);
  if (!decoded) return Unexpected(decoded.error());
  return ObjectSighting{decoded->id, decoded->deleted};
}

// The customer as callers see it, but for what is joined from other read models.
std::string BodyText(const stripe::Customer& customer, const stripe::EventBody& newest, bool deleted) {
  JsonWriter body;
  body.Begin();
  body.Field("id", customer.id);
  body.Field("livemode", newest.livemode);
  AccountField(body, newest.account);
  body.Field("name", customer.name);
  body.Field("email", customer.email);
  body.Field("phone", customer.phone);
  body.Literal("address", customer.address.dump());
  body.Field("description", customer.description);
  body.Field("currency", customer.currency);
  body.Field("delinquent", customer.delinquent);
  TimeField(body, "created_at", customer.created_s);
  body.Literal("metadata", customer.metadata.dump());
  body.Field("deleted", deleted);
  body.Field("updated_by", newest.id);
  TimeField(body, "updated_at", newest.moment.created_s);
  body.End();
  return body.TakeText();
}

ObjectRow RowOf(const stripe::EventBody& newest, bool deleted) {
  const Result<stripe::Customer, std::string> customer = stripe::DecodeCustomer(newest.object);
  BILLHOOK_CHECK(customer.has_value());  // unusable events are never taken in
  return {customer->id,
          {customer->email ? Cell(Customers::EmailKey(*customer->email)) : Cell()},
          BodyText(*customer, newest, deleted)};
}

}  // namespace

Changes Customers::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  static const ObjectModel kModel = {kTable, "customer", &Reads, &Judge, &RowOf};
  return ApplyNewest(kModel, batch, read_model);
}

}  // namespace billhook
