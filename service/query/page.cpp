#include "service/query/page.h"

#include <nlohmann/json.hpp>

namespace billhook::query {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string EncodeCursor(const Key& key) {
  const std::string text = nlohmann::json(key).dump();
  std::string cursor;
  cursor.reserve(text.size() * 2);
  for (char c : text) {
    cursor += kDigits[static_cast<unsigned char>(c) >> 4];
    cursor += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return cursor;
}

std::optional<Key> DecodeCursor(std::string_view cursor, std::size_t parts) {
  std::string text;
  if (cursor.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < cursor.size(); i += 2) {
    const std::size_t high = std::string_view(kDigits).find(cursor[i]);
    const std::size_t low = std::string_view(kDigits).find(cursor[i + 1]);
    if (high > 15 || low > 15) return std::nullopt;
    text += static_cast<char>(high << 4 | low);
  }
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array() || json.size() != parts) return std::nullopt;
  Key key;
  for (const nlohmann::json& part : json) {
    if (!part.is_string()) return std::nullopt;
    key.push_back(part.get<std::string>());
    if (key.back().find('\0') != std::string::npos) return std::nullopt;
  }
  return key;
}

bool AddToPage(Page& page, const PageRequest& request, std::string row, Key key) {
  std::size_t bytes = row.size();
  for (const std::string& other : page.rows) bytes += other.size();
  if (page.rows.size() == request.limit || (!page.rows.empty() && bytes > request.max_bytes)) {
    page.has_more = true;
    return false;
  }
  page.rows.push_back(std::move(row));
  page.last = std::move(key);
  return true;
}

std::string ListBody(const Page& page) {
  std::string body = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    if (i > 0) body += ',';
    body += page.rows[i];
  }
  body += page.has_more ? R"(],"has_more":true,"next_cursor":")" + EncodeCursor(page.last) + "\"}"
                        : R"(],"has_more":false,"next_cursor":null})";
  return body;
}

}  // namespace billhook::query
