// A line of an exported log. Input: the line.
#include "domain/check.h"
#include "service/transfer/event_line.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = test::AsText(data, size);
  const Result<RecordedEvent, std::string> read = transfer::ReadEventLine(line);
  if (!read) {
    BILLHOOK_CHECK(!read.error().empty());
    return 0;
  }
  BILLHOOK_CHECK(read->position >= 1 && read->version >= 1);
  // What is taken over can be written again, in one line, and is the same then.
  const std::string written = transfer::EventLine(*read);
  BILLHOOK_CHECK(written.find('\n') == std::string::npos);
  const Result<RecordedEvent, std::string> again = transfer::ReadEventLine(written);
  BILLHOOK_CHECK(again.has_value());
  BILLHOOK_CHECK(ChainDigest(kGenesis, *again) == ChainDigest(kGenesis, *read) &&
                 again->checksum == read->checksum);
  BILLHOOK_CHECK(transfer::EventLine(*again) == written);
  return 0;
}
