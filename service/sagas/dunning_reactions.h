// What Stripe's news of invoices mean to their Dunning sagas: reads the event at a position and records what
// follows from it, once however often it is asked. Thread safe; throws StorageError.
#pragma once

#include "domain/sagas/dunning.h"
#include "service/sagas/saga_log.h"

namespace billhook::sagas {

class DunningReactions {
 public:
  DunningReactions(storage::Database& database, SagaLog& sagas, UnixMicros grace)
      : database_(database), sagas_(sagas), grace_(grace) {}

  // The saga that may have something to do now.
  std::optional<SagaKey> React(std::int64_t position);

 private:
  // Whether the log holds a settlement of the same invoice in front of that position.
  bool SettledBefore(const InvoiceNews& news, std::int64_t position);

  storage::Database& database_;
  SagaLog& sagas_;
  UnixMicros grace_;
};

}  // namespace billhook::sagas
