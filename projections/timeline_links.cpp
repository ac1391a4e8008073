#include "projections/timeline_links.h"

#include <string_view>
#include <tuple>

namespace billhook::timeline {
namespace {

bool IsNewer(const Row& a, const Row& b) {
  return std::tie(a[kOccurredAt], a[kPhase], a[kEventId]) > std::tie(b[kOccurredAt], b[kPhase], b[kEventId]);
}

// For each family the newest event that names its customer.
using Naming = std::map<std::string_view, const Row*>;

void KeepNewer(const Row& row, const Row*& newest) {
  if (newest == nullptr || IsNewer(row, *newest)) newest = &row;
}

// The first of the row's families that has a customer says which.
const Row* NamingOf(const Row& row, const Naming& naming) {
  for (std::size_t family : kFamilies) {
    const std::string* key = TextIn(row, family);
    if (key == nullptr) continue;
    if (const auto found = naming.find(*key); found != naming.end()) return found->second;
  }
  return nullptr;
}

Naming NamingEvents(const std::map<std::string, Row>& rows) {
  Naming naming;
  for (const auto& [row_key, row] : rows) {
    if (!NamesCustomer(row)) continue;
    for (std::size_t family : kFamilies) {
      if (const std::string* key = TextIn(row, family)) KeepNewer(row, naming[*key]);
    }
  }
  return naming;
}

// Gives families without a customer that of those one hop away.
void Hop(const std::map<std::string, Row>& rows, Naming& naming) {
  Naming further;
  for (const auto& [row_key, row] : rows) {
    const Row* nearest = NamesCustomer(row) ? nullptr : NamingOf(row, naming);
    if (nearest == nullptr) continue;
    for (std::size_t family : kFamilies) {
      if (const std::string* key = TextIn(row, family)) KeepNewer(*nearest, further[*key]);
    }
  }
  naming.merge(further);  // what is there stays
}

}  // namespace

const std::string* TextIn(const Row& row, std::size_t column) {
  return std::get_if<std::string>(&row[column]);
}

bool NamesCustomer(const Row& row) {
  return std::get<std::int64_t>(row[kNamesCustomer]) == 1;
}

std::vector<Row*> GiveCustomers(std::map<std::string, Row>& rows, std::vector<Row*> waiting) {
  std::vector<Row*> changed;
  Naming naming = NamingEvents(rows);
  for (int hop = 0; hop <= kMaxHops && !waiting.empty(); ++hop) {
    if (hop > 0) Hop(rows, naming);
    std::erase_if(waiting, [&](Row* row) {
      const Row* nearest = NamingOf(*row, naming);
      if (nearest != nullptr && (*row)[kCustomer] != (*nearest)[kCustomer]) {
        (*row)[kCustomer] = (*nearest)[kCustomer];
        changed.push_back(row);
      }
      return nearest != nullptr;
    });
  }
  return changed;
}

}  // namespace billhook::timeline
