#include "service/backfill/coverage.h"

#include <algorithm>

namespace billhook::backfill {
namespace {

// In order, without empty ones, those that touch joined.
std::vector<Stretch> Joined(std::vector<Stretch> stretches) {
  std::sort(stretches.begin(), stretches.end(),
            [](const Stretch& a, const Stretch& b) { return a.from < b.from; });
  std::vector<Stretch> joined;
  for (const Stretch& stretch : stretches) {
    if (stretch.from >= stretch.to) continue;
    if (joined.empty() || joined.back().to < stretch.from) {
      joined.push_back(stretch);
    } else {
      joined.back().to = std::max(joined.back().to, stretch.to);
    }
  }
  return joined;
}

// What of the stretches is not covered; both are joined.
std::vector<Stretch> Without(const std::vector<Stretch>& stretches, const std::vector<Stretch>& covered) {
  std::vector<Stretch> rest;
  for (Stretch stretch : stretches) {
    for (const Stretch& cover : covered) {
      if (cover.to <= stretch.from || cover.from >= stretch.to) continue;
      if (cover.from > stretch.from) rest.push_back({stretch.from, cover.from});
      stretch.from = cover.to;
    }
    if (stretch.from < stretch.to) rest.push_back(stretch);
  }
  return rest;
}

}  // namespace

Coverage CoverageOf(std::vector<Stretch> asked, std::vector<Stretch> checked, std::int64_t now_s) {
  Coverage coverage;
  coverage.checked = Joined(std::move(checked));
  const std::int64_t reach = now_s - kRetentionSeconds;
  for (const Stretch& gap : Without(Joined(std::move(asked)), coverage.checked)) {
    const std::int64_t border = std::clamp(reach, gap.from, gap.to);
    if (gap.from < border) coverage.gaps.push_back({{gap.from, border}, true});
    if (border < gap.to) coverage.gaps.push_back({{border, gap.to}, false});
  }
  return coverage;
}

}  // namespace billhook::backfill
