#include "tests/support/paths.h"

namespace billhook::test {

const std::string& SourceDirectory() {
  static const std::string kDirectory = BILLHOOK_SOURCE_DIR;
  return kDirectory;
}

const std::string& BillhookBinary() {
  static const std::string kBinary = BILLHOOK_BINARY;
  return kBinary;
}

}  // namespace billhook::test
