// A JSON Schema (draft 7), compiled once. The one door to valijson. Immutable, thread safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/json.h"

namespace billhook {

// One fault of an input: a JSON pointer to it, and what a person is to do.
struct InputFault {
  std::string pointer;
  std::string detail;
};

class Schema {
 public:
  // The text is our own: it must be a valid schema.
  explicit Schema(std::string_view text);
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  // All faults of the value, none where it fits; `pointer` leads to the value.
  [[nodiscard]] std::vector<InputFault> Check(const Json& value, const std::string& pointer) const;

 private:
  class Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace billhook
