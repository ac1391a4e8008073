// A Stripe customer in one canonical shape, whatever API version it came in. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

struct Customer {
  std::string id;
  std::optional<std::string> name;
  std::optional<std::string> email;
  std::optional<std::string> phone;
  Json address = nullptr;  // Stripe's address hash, or null
  std::optional<std::string> description;
  std::optional<std::string> currency;  // lower-cased
  bool delinquent = false;
  bool deleted = false;  // the object itself says so
  std::optional<std::int64_t> created_s;
  Json metadata = Json::object();
};

// The customer, or the reason why it cannot be used.
Result<Customer, std::string> DecodeCustomer(const Json& object);

}  // namespace billhook::stripe
