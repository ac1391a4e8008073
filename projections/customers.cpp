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
  return OrderedJson({{"id", customer.id},
                      {"livemode", newest.livemode},
                      {"account", AccountOrNull(newest.account)},
                      {"name", OrNull(customer.name)},
                      {"email", OrNull(customer.email)},
                      {"phone", OrNull(customer.phone)},
                      {"address", customer.address},
                      {"description", OrNull(customer.description)},
                      {"currency", OrNull(customer.currency)},
                      {"delinquent", customer.delinquent},
                      {"created_at", TimeOrNull(customer.created_s)},
                      {"metadata", customer.metadata},
                      {"deleted", deleted},
                      {"updated_by", newest.id},
                      {"updated_at", TimeOrNull(newest.moment.created_s)}})
      .dump();
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
