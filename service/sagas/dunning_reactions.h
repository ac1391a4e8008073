// What Stripe's news of invoices mean to their Dunning sagas: reads them and records what follows from each,
// once however often it is asked. For one thread; throws StorageError.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "domain/sagas/dunning.h"
#include "service/sagas/follower.h"
#include "service/sagas/saga_log.h"

namespace billhook::sagas {

class DunningReactions {
 public:
  DunningReactions(storage::Database& database, SagaLog& sagas, UnixMicros grace)
      : database_(database), sagas_(sagas), grace_(grace) {}

  // Reads all news that React is going to be asked for: nobody else may start sagas until then.
  void Read(const std::vector<Trigger>& triggers);
  // The saga that may have something to do now.
  std::optional<SagaKey> React(std::int64_t position);

 private:
  void Take(const RecordedEvent& event);
  void ReadSagas();
  // Whether the log holds a settlement of the same invoice in front of that position.
  bool SettledBefore(const InvoiceNews& news, std::int64_t position);

  storage::Database& database_;
  SagaLog& sagas_;
  UnixMicros grace_;
  std::map<std::int64_t, InvoiceNews> news_;               // by position
  std::set<std::pair<std::string, std::string>> started_;  // those of their sagas that there are: tenant, ID
};

}  // namespace billhook::sagas
