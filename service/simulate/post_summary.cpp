#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include <nlohmann/json.hpp>

#include "service/simulate/poster.h"

namespace billhook::simulate {
namespace {

constexpr std::size_t kNameWidth = 24;
constexpr std::size_t kValueWidth = 12;

std::string Decimal(double value, int digits) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string Row(std::string_view name, const std::string& value, std::string_view remark = "") {
  std::string row(name);
  row.append(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ');
  row.append(value.size() < kValueWidth ? kValueWidth - value.size() : 0, ' ');
  row += value;
  if (!remark.empty()) row.append("  ").append(remark);
  return row + "\n";
}

double Rounded(double value) {
  return std::round(value * 1'000) / 1'000;
}

}  // namespace

double PostSummary::PerSecond() const {
  return posting_s > 0 ? static_cast<double>(recorded + duplicates) / posting_s : 0;
}

std::string AsTable(const PostSummary& summary) {
  std::string table = Row("status", "answers");
  for (const auto& [status, count] : summary.status_codes)
    table += Row(std::to_string(status), std::to_string(count));
  if (summary.tries_without_answer > 0)
    table += Row("no answer", std::to_string(summary.tries_without_answer));
  table += "\n";
  table += Row("events", std::to_string(summary.events));
  table += Row("deliveries", std::to_string(summary.deliveries));
  table += Row("recorded", std::to_string(summary.recorded));
  table += Row("duplicate", std::to_string(summary.duplicates));
  table += Row("tried again", std::to_string(summary.tried_again));
  table += Row("wrong", std::to_string(summary.wrong));
  table += Row("unanswered", std::to_string(summary.unanswered));
  table += "\n";
  table += Row("events/s", Decimal(summary.PerSecond(), 1), "(while posting)");
  table += Row("p50", Decimal(summary.p50_ms, 3), "ms");
  table += Row("p99", Decimal(summary.p99_ms, 3), "ms");
  table += Row("max", Decimal(summary.max_ms, 3), "ms");
  table += Row("posting", Decimal(summary.posting_s, 3), "s");
  table += Row("generating", Decimal(summary.generating_s, 3), "s  (before and between, not in events/s)");
  return table;
}

std::string AsJson(const PostSummary& summary) {
  nlohmann::ordered_json status_codes = nlohmann::ordered_json::object();
  for (const auto& [status, count] : summary.status_codes) status_codes[std::to_string(status)] = count;
  const nlohmann::ordered_json json = {
      {"ok", summary.good()},
      {"events", summary.events},
      {"deliveries", summary.deliveries},
      {"status_codes", status_codes},
      {"recorded", summary.recorded},
      {"duplicate", summary.duplicates},
      {"no_answer", summary.tries_without_answer},
      {"tried_again", summary.tried_again},
      {"wrong", summary.wrong},
      {"unanswered", summary.unanswered},
      {"events_per_second", Rounded(summary.PerSecond())},
      {"latency_ms", {{"p50", summary.p50_ms}, {"p99", summary.p99_ms}, {"max", summary.max_ms}}},
      {"posting_seconds", Rounded(summary.posting_s)},
      {"generating_seconds", Rounded(summary.generating_s)},
  };
  return json.dump() + "\n";
}

}  // namespace billhook::simulate
