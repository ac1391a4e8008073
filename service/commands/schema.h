// A JSON Schema (draft 7), compiled once. The one door to valijson. Immutable, thread safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/json.h"
#include "service/input_fault.h"

namespace billhook {

class Schema {
 public:
  // The text is our own: it must be a valid schema.
  explicit Schema(std::string_view text);
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  // The faults of the value, none where it fits, kMaxInputFaults at most; `pointer` leads to the value.
  [[nodiscard]] std::vector<InputFault> Check(const Json& value, const std::string& pointer) const;

 private:
  class Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace billhook
