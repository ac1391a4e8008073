// The event bodies under tests/fixtures: a folder for each fact, in it one body for each shape in which
// Stripe has told that fact, named by its API release, and `canonical.json` with what all of them are read
// as. All are written for these tests.
#pragma once

#include <string>
#include <vector>

#include "domain/event.h"
#include "domain/json.h"

namespace billhook::test {

struct Fixture {
  std::string fact;   // its folder, e.g. "invoice_paid"
  std::string shape;  // its file without ".json", e.g. "2020-08-27"
  std::string body;   // the very text
  Json event;

  [[nodiscard]] std::string name() const { return fact + "/" + shape; }
  // data.object; an empty object for thin events.
  [[nodiscard]] Json object() const;
};

// In order of fact and shape.
const std::vector<Fixture>& AllFixtures();

// The facts whose `canonical.json` there is, with it.
const std::vector<std::pair<std::string, Json>>& CanonicalValues();

// The event as ingestion would record it.
RecordedEvent Recorded(const Fixture& fixture, std::int64_t position = 1);

}  // namespace billhook::test
