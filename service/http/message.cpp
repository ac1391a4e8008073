#include "service/http/message.h"

#include <algorithm>

#include "service/http/framing.h"

namespace billhook::http {

const std::string* Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualIgnoringCase(key, name)) return &value;
  }
  return nullptr;
}

std::size_t Request::HeaderCount(std::string_view name) const {
  const auto same = [name](const auto& field) { return EqualIgnoringCase(field.first, name); };
  return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(), same));
}

}  // namespace billhook::http
