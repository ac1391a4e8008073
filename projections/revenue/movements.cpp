#include "projections/revenue/movements.h"

#include <map>

#include "domain/check.h"

namespace billhook::revenue {
namespace {

std::string_view KindOf(std::int64_t before, std::int64_t after, bool known) {
  if (before == 0) return known ? "reactivation" : "new";
  if (after == 0) return "churn";
  return after > before ? "expansion" : "contraction";
}

}  // namespace

std::vector<Movement> MovementsOf(const std::vector<Level>& levels) {
  std::map<std::string, std::int64_t> current;  // of each currency that the subscription has ever paid in
  std::vector<Movement> movements;
  for (const Level& level : levels) {
    BILLHOOK_CHECK(level.mrr >= 0);  // so that no difference of two wraps
    const auto move = [&](const std::string& currency, std::int64_t after) {
      const auto known = current.find(currency);
      const std::int64_t before = known == current.end() ? 0 : known->second;
      if (before == after) return;
      movements.push_back(
          {level.since_s, currency, KindOf(before, after, known != current.end()), after - before});
      current[currency] = after;
    };
    for (const auto& [currency, mrr] : current) {
      if (mrr != 0 && (level.mrr == 0 || currency != level.currency)) move(currency, 0);
    }
    if (level.mrr != 0) move(level.currency, level.mrr);
  }
  return movements;
}

}  // namespace billhook::revenue
