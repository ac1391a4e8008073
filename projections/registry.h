// All projections that billhook has, in one list.
#pragma once

#include <vector>

#include "projections/projection.h"

namespace billhook {

const std::vector<const Projection*>& AllProjections();

}  // namespace billhook
