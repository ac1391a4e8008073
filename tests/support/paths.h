// Where the project and its binary lie on this machine.
#pragma once

#include <string>

namespace billhook::test {

const std::string& SourceDirectory();
const std::string& BillhookBinary();

}  // namespace billhook::test
