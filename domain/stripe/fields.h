// Reads members of a Stripe object strictly: a member of the wrong type is a fault, the first of which is
// kept. So a decoder reads on in one line a field and asks once at the end. One thread; the object (or
// overlay) must outlive the reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/json.h"
#include "domain/stripe/upcast.h"

namespace billhook::stripe {

class Fields {
 public:
  // `what` names the object in faults, e.g. "charge".
  Fields(const Json& object, std::string_view what);
  Fields(const Overlay& object, std::string_view what);

  // nullptr when the member is absent or null.
  [[nodiscard]] const Json* Find(const char* key) const;

  std::string Text(const char* key);                         // required, a string
  std::optional<std::string> OptionalText(const char* key);  // absent and null are nothing
  std::string Id(const char* key);                           // required, a usable identifier
  // An ID, or the `id` of the object where Stripe was asked to expand it.
  std::optional<std::string> ExpandableId(const char* key);
  // An amount in minor units that cannot be negative: a JSON integer from 0 to int64's maximum, required.
  std::int64_t Amount(const char* key);
  std::int64_t SignedAmount(const char* key);
  std::optional<std::int64_t> OptionalAmount(const char* key);
  std::optional<std::int64_t> OptionalSignedAmount(const char* key);
  // Unix seconds that RFC 3339 can write.
  std::optional<std::int64_t> OptionalTime(const char* key);
  bool Flag(const char* key);             // absent and null are false
  std::string Currency(const char* key);  // required; lower-cased
  std::optional<std::string> OptionalCurrency(const char* key);
  Json OptionalHash(const char* key);  // an object; absent and null are null

  void Fail(const char* key, std::string_view must);
  [[nodiscard]] bool ok() const { return fault_.empty(); }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  const Json& object_;
  const Json* changes_ = nullptr;  // an overlay's: they stand before the object's own members
  std::string_view what_;
  std::string fault_;
};

std::string LowerCase(std::string text);

}  // namespace billhook::stripe
