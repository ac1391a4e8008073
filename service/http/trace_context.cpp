#include "service/http/trace_context.h"

#include <string_view>

namespace billhook::http {
namespace {

constexpr const char* kHeader = "traceparent";
constexpr std::size_t kVersion00Bytes = 55;  // "00-" trace ID "-" parent ID "-" flags

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsAllZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<std::string> TraceIdOf(const Request& request) {
  const std::string* header = request.Header(kHeader);
  if (header == nullptr || request.HeaderCount(kHeader) > 1) return std::nullopt;
  const std::string_view text = *header;
  if (text.size() < kVersion00Bytes || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, 32);
  const std::string_view parent = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  for (std::string_view part : {version, trace, parent, flags}) {
    if (!IsLowerHex(part)) return std::nullopt;
  }
  if (version == "ff" || IsAllZero(trace) || IsAllZero(parent)) return std::nullopt;
  // Later versions may add parts behind these.
  const bool ends = text.size() == kVersion00Bytes;
  if (!ends && (version == "00" || text[kVersion00Bytes] != '-')) return std::nullopt;
  return std::string(trace);
}

}  // namespace billhook::http
