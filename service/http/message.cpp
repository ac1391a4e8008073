#include "service/http/message.h"

#include <algorithm>
#include <future>

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

Response Await(Reply reply) {
  if (const auto* pending = std::get_if<Pending>(&reply)) {
    std::promise<void> ready;
    pending->begin([&ready] { ready.set_value(); });
    ready.get_future().wait();
    return pending->answer();
  }
  return std::get<Response>(std::move(reply));
}

}  // namespace billhook::http
