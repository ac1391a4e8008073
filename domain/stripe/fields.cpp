#include "domain/stripe/fields.h"

#include "domain/stripe/envelope.h"
#include "domain/time.h"

namespace billhook::stripe {

Fields::Fields(const Json& object, std::string_view what) : object_(object), what_(what) {
  if (!object.is_object()) fault_ = std::string(what) + " is not an object";
}

Fields::Fields(const Overlay& object, std::string_view what) : Fields(object.original(), what) {
  if (!object.changes().is_null()) changes_ = &object.changes();
}

void Fields::Fail(const char* key, std::string_view must) {
  if (fault_.empty()) fault_ = std::string(what_) + "." + key + " must be " + std::string(must);
}

const Json* Fields::Find(const char* key) const {
  if (!object_.is_object()) return nullptr;
  if (changes_ != nullptr) {
    const auto changed = changes_->find(key);
    if (changed != changes_->end() && !changed->is_null()) return &*changed;
  }
  const auto member = object_.find(key);
  return member == object_.end() || member->is_null() ? nullptr : &*member;
}

std::optional<std::string> Fields::OptionalText(const char* key) {
  const Json* member = Find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) {
    Fail(key, "a string");
    return std::nullopt;
  }
  return member->get<std::string>();
}

std::string Fields::Text(const char* key) {
  if (Find(key) == nullptr) Fail(key, "a string");
  return OptionalText(key).value_or("");
}

std::string Fields::Id(const char* key) {
  std::string id = Text(key);
  if (!IsIdentifier(id)) Fail(key, "an ID of 1 to 255 characters");
  return id;
}

std::optional<std::string> Fields::ExpandableId(const char* key) {
  const Json* member = Find(key);
  if (member != nullptr && member->is_object()) {
    const auto id = member->find("id");
    member = id == member->end() ? nullptr : &*id;
    if (member == nullptr) Fail(key, "an ID or an object with one");
  }
  if (member == nullptr) return std::nullopt;
  if (!member->is_string() || !IsIdentifier(member->get_ref<const std::string&>())) {
    Fail(key, "an ID or an object with one");
    return std::nullopt;
  }
  return member->get<std::string>();
}

std::int64_t Fields::SignedAmount(const char* key) {
  const Json* member = Find(key);
  if (member == nullptr || !member->is_number_integer()) {
    Fail(key, "an integer in minor units");
    return 0;
  }
  return member->get<std::int64_t>();
}

std::int64_t Fields::Amount(const char* key) {
  const std::int64_t amount = SignedAmount(key);
  if (amount >= 0) return amount;
  Fail(key, "an integer in minor units, 0 or more");
  return 0;  // callers reckon with it before they ask whether all is well
}

std::optional<std::int64_t> Fields::OptionalAmount(const char* key) {
  if (Find(key) == nullptr) return std::nullopt;
  return Amount(key);
}

std::optional<std::int64_t> Fields::OptionalSignedAmount(const char* key) {
  if (Find(key) == nullptr) return std::nullopt;
  return SignedAmount(key);
}

std::optional<std::int64_t> Fields::OptionalTime(const char* key) {
  const Json* member = Find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer() || *member < 0 || *member > kMaxUnixSeconds) {
    Fail(key, "a time in Unix seconds");
    return std::nullopt;
  }
  return member->get<std::int64_t>();
}

bool Fields::Flag(const char* key) {
  const Json* member = Find(key);
  if (member == nullptr) return false;
  if (!member->is_boolean()) {
    Fail(key, "true or false");
    return false;
  }
  return member->get<bool>();
}

std::string Fields::Currency(const char* key) {
  std::string currency = LowerCase(Text(key));
  if (!IsIdentifier(currency)) Fail(key, "a currency code");
  return currency;
}

std::optional<std::string> Fields::OptionalCurrency(const char* key) {
  if (Find(key) == nullptr) return std::nullopt;
  return Currency(key);
}

Json Fields::OptionalHash(const char* key) {
  const Json* member = Find(key);
  if (member == nullptr) return nullptr;
  if (!member->is_object()) Fail(key, "an object");
  return *member;
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace billhook::stripe
