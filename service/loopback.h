// Names of hosts, as far as it matters whether they mean this machine alone. Pure, thread safe.
#pragma once

#include <string>

namespace billhook {

// "[::1]" is how URLs write ::1.
std::string WithoutBrackets(const std::string& host);

// Whether the host is localhost or a loopback address; nothing is looked up.
bool IsLoopback(const std::string& host);

}  // namespace billhook
