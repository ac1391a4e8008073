#include "service/http/query_parameters.h"

#include <algorithm>
#include <charconv>

#include "domain/json_scanner.h"

namespace billhook::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUtf8(const std::string& text) {
  // A quoted text without quotes, backslashes and control characters is a JSON string exactly if it is UTF-8.
  std::string quoted = "\"";
  for (char c : text) {
    const bool plain = c != '"' && c != '\\' && (static_cast<unsigned char>(c) >= 0x20);
    quoted += plain ? c : ' ';
  }
  quoted += '"';
  return JsonScanner(quoted).Next() == JsonScanner::Token::kString;
}

// Answering from the main log instead would be silently wrong.
constexpr const char* kNotOnBranches =
    "This cannot be read on a branch: it is about the main log, or what billhook does with it, and no branch "
    "has one of its own.";

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (decoded.find('\0') != std::string::npos || !IsUtf8(decoded)) return std::nullopt;
  return decoded;
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return encoded;
}

Result<QueryParameters, std::vector<InputError>> QueryParameters::Parse(
    std::string_view raw_query, const std::vector<std::string_view>& known) {
  QueryParameters parameters;
  while (!raw_query.empty()) {
    const std::size_t end = raw_query.find('&');
    const std::string_view item = raw_query.substr(0, end);
    raw_query = end == std::string_view::npos ? std::string_view() : raw_query.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    const std::optional<std::string> name = PercentDecode(item.substr(0, equals), true);
    const std::optional<std::string> value =
        equals == std::string_view::npos ? std::string() : PercentDecode(item.substr(equals + 1), true);
    if (!name || !value) {
      parameters.errors_.push_back({"?", "The query string must be percent-encoded UTF-8."});
    } else if (std::find(known.begin(), known.end(), *name) == known.end()) {
      parameters.Fault(*name, *name == "branch" ? kNotOnBranches : "This route knows no such parameter.");
    } else if (!parameters.values_.emplace(*name, *value).second) {
      parameters.Fault(*name, "The parameter stands twice.");
    }
  }
  if (!parameters.errors_.empty()) return Unexpected(parameters.errors_);
  return parameters;
}

void QueryParameters::Fault(const std::string& name, std::string detail) {
  errors_.push_back({"?" + name, std::move(detail)});
}

std::optional<std::string> QueryParameters::Text(const std::string& name) const {
  const auto value = values_.find(name);
  if (value == values_.end()) return std::nullopt;
  return value->second;
}

std::optional<std::int64_t> QueryParameters::Integer(const std::string& name, std::int64_t least,
                                                     std::int64_t most) {
  const std::optional<std::string> text = Text(name);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size() || value < least ||
      value > most) {
    Fault(name, "Must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ".");
    return std::nullopt;
  }
  return value;
}

std::optional<bool> QueryParameters::Boolean(const std::string& name) {
  const std::optional<std::string> text = Text(name);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false") {
    Fault(name, "Must be true or false.");
    return std::nullopt;
  }
  return *text == "true";
}

std::optional<UnixMicros> QueryParameters::Time(const std::string& name) {
  const std::optional<std::string> text = Text(name);
  if (!text) return std::nullopt;
  const std::optional<UnixMicros> time = ParseRfc3339(*text);
  if (!time) Fault(name, "Must be an RFC 3339 time such as 2026-01-31T00:00:00Z (write + as %2B).");
  return time;
}

}  // namespace billhook::http
