#include "domain/stripe/customer.h"

#include "domain/stripe/fields.h"

namespace billhook::stripe {

Result<Customer, std::string> DecodeCustomer(const Json& object) {
  const Overlay newest = Upcast("customer", object);
  Fields fields(newest, "customer");
  Customer customer;
  customer.id = fields.Id("id");
  customer.name = fields.OptionalText("name");
  customer.email = fields.OptionalText("email");
  customer.phone = fields.OptionalText("phone");
  customer.address = fields.OptionalHash("address");
  customer.description = fields.OptionalText("description");
  customer.currency = fields.OptionalCurrency("currency");
  customer.delinquent = fields.Flag("delinquent");
  customer.deleted = fields.Flag("deleted");
  customer.created_s = fields.OptionalTime("created");
  if (fields.Find("metadata") != nullptr) customer.metadata = fields.OptionalHash("metadata");
  if (!fields.ok()) return Unexpected(fields.fault());
  return customer;
}

}  // namespace billhook::stripe
