// Why a command was not done or a query not answered, as callers see it. A value.
#pragma once

#include <string>
#include <vector>

#include "service/input_fault.h"

namespace billhook {

struct Refusal {
  int status = 409;  // HTTP's
  std::string code;
  std::string detail;
  std::vector<InputFault> errors{};
};

}  // namespace billhook
