// A database that counts the rows its queries return and how often it lends a session, around a real one:
// what a test asserts about how much is read, and how often. Thread safe.
#pragma once

#include <atomic>

#include "service/storage/sql.h"

namespace billhook::test {

class CountingDatabase : public storage::Database {
 public:
  explicit CountingDatabase(storage::Database& real) : real_(real) {}

  Lease Acquire(storage::Purpose purpose) override;
  [[nodiscard]] storage::SessionUse UseOf(storage::Purpose purpose) override { return real_.UseOf(purpose); }
  [[nodiscard]] std::vector<storage::DatabasePart> parts() const override { return real_.parts(); }
  [[nodiscard]] std::string_view engine() const override { return real_.engine(); }

  // How many rows were returned since the last call.
  std::size_t TakeRowsRead() { return rows_.exchange(0); }
  // How often a session was asked for since the last call.
  std::size_t TakeLeases() { return leases_.exchange(0); }

 protected:
  // The session gives the real one back with its end.
  void GiveBack(storage::Purpose, std::unique_ptr<storage::Session>) override {}

 private:
  storage::Database& real_;
  std::atomic<std::size_t> rows_{0};
  std::atomic<std::size_t> leases_{0};
};

}  // namespace billhook::test
