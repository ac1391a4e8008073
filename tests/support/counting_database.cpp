#include "tests/support/counting_database.h"

namespace billhook::test {
namespace {

using storage::Parameters;
using storage::Rows;

class CountingSession : public storage::Session {
 public:
  CountingSession(storage::Database::Lease real, std::atomic<std::size_t>& rows)
      : real_(std::move(real)), rows_(rows) {}

  Rows Query(const std::string& sql, const Parameters& parameters) override {
    return Counted(real_->Query(sql, parameters));
  }
  std::int64_t Execute(const std::string& sql, const Parameters& parameters) override {
    return real_->Execute(sql, parameters);
  }
  void ExecuteWithCommit(const std::string& sql, const Parameters& parameters) override {
    real_->ExecuteWithCommit(sql, parameters);
  }
  void ExecuteScript(const std::string& script) override { real_->ExecuteScript(script); }
  Rows Lookup(const Table& table, std::int64_t generation, std::string_view column,
              const storage::TextList& values, const std::optional<Flag>& flag) override {
    return Counted(real_->Lookup(table, generation, column, values, flag));
  }
  void Insert(std::string_view table, const std::vector<Column>& columns,
              const std::vector<Row>& rows) override {
    real_->Insert(table, columns, rows);
  }
  void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
              const std::vector<Row>& rows) override {
    real_->Upsert(table, columns, keys, rows);
  }
  void BeginRead() override { real_->BeginRead(); }
  void BeginWrite() override { real_->BeginWrite(); }
  void BeginAppend() override { real_->BeginAppend(); }
  void BeginMigrating() override { real_->BeginMigrating(); }
  void BeginProjecting() override { real_->BeginProjecting(); }
  void BeginFollowing() override { real_->BeginFollowing(); }
  [[nodiscard]] std::string Claiming(std::string_view alias, storage::Claim claim) const override {
    return real_->Claiming(alias, claim);
  }
  [[nodiscard]] std::string ServerSql() const override { return real_->ServerSql(); }
  [[nodiscard]] std::string ContentDigestSql() const override { return real_->ContentDigestSql(); }
  void ContinueWriting() override { real_->ContinueWriting(); }
  void Announce(const storage::Announcement& announcement) override { real_->Announce(announcement); }
  void Commit() override { real_->Commit(); }
  void Rollback() noexcept override { real_->Rollback(); }
  [[nodiscard]] bool usable() const override { return true; }

 private:
  Rows Counted(Rows rows) {
    rows_ += rows.size();
    return rows;
  }

  mutable storage::Database::Lease real_;  // a lease hands its session on to those who may change it
  std::atomic<std::size_t>& rows_;
};

}  // namespace

storage::Database::Lease CountingDatabase::Acquire(storage::Purpose purpose) {
  ++leases_;
  return {*this, purpose, std::make_unique<CountingSession>(real_.Acquire(purpose), rows_)};
}

}  // namespace billhook::test
