#include "tests/fuzz/fold.h"

#include <algorithm>

#include "domain/check.h"
#include "domain/money.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "tests/support/memory_read_model.h"

namespace billhook::test {

std::string Fold(const Projection& projection, const Log& log, std::size_t batch_size) {
  MemoryReadModel read_model(projection);
  for (std::size_t at = 0; at < log.size(); at += batch_size) {
    const std::size_t end = std::min(log.size(), at + batch_size);
    read_model.Apply(
        {log.begin() + static_cast<std::ptrdiff_t>(at), log.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  if (projection.name() == PaymentLedger().name()) {
    for (const Json& row : read_model.Rows(ledger::kEntriesTable)) {
      Int128 sum = 0;
      for (const Json& posting : row.at("body").at("postings"))
        sum += posting.at("amount").get<std::int64_t>();
      BILLHOOK_CHECK(sum == 0 && row.at("amount") != 0);
    }
  }
  return read_model.Fingerprint();
}

}  // namespace billhook::test
