#include "service/http/document_space.h"

namespace billhook::http {
namespace {

// An object's member with an object as its value: a node of a tree, with the key and the value in it, and the
// root of the next tree. Elements of arrays take less, also while an array grows.
constexpr std::size_t kMostBytesOfValue = 128;

}  // namespace

std::size_t MostBytesOfDocument(std::string_view text) {
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    if (!in_string && (c == ',' || c == '{' || c == '[')) ++values;
  }
  return values * kMostBytesOfValue + 2 * text.size();  // keys and strings, as an allocator rounds them up
}

std::shared_ptr<DocumentSpace::Part> DocumentSpace::Take(std::string_view text) {
  const std::size_t bytes = text.size() > kSmallTextBytes ? MostBytesOfDocument(text) : 0;
  std::size_t used = *used_;
  do {
    if (bytes > 0 && used > 0 && used + bytes > kBytes) return nullptr;
  } while (!used_->compare_exchange_weak(used, used + bytes));
  return std::make_shared<Part>(used_, bytes);
}

}  // namespace billhook::http
