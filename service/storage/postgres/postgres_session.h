// One PostgreSQL connection as a Session, over libpqxx. One thread at a time. Any broken connection makes it
// unusable for good: the pool opens another. Where a pooler such as PgBouncer stands in between, each
// transaction may meet another server process: then nothing is left behind on one (settings go with the
// transaction, statements are not prepared).
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include <pqxx/pqxx>

#include "service/storage/sql.h"

namespace billhook::storage {

class PostgresSession : public Session {
 public:
  // Connects. What can be rebuilt (kProject) is committed without waiting for the flush. Announcements bear
  // the name of `sender`. Throws StorageError.
  PostgresSession(const std::string& url, Purpose purpose, std::string sender = "");
  ~PostgresSession() override;
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;

  Rows Query(const std::string& sql, const Parameters& parameters) override;
  std::int64_t Execute(const std::string& sql, const Parameters& parameters) override;
  void ExecuteWithCommit(const std::string& sql, const Parameters& parameters) override;
  void ExecuteScript(const std::string& script) override;
  Rows Lookup(const Table& table, std::int64_t generation, std::string_view column, const TextList& values,
              const std::optional<Flag>& flag) override;
  void Insert(std::string_view table, const std::vector<Column>& columns,
              const std::vector<Row>& rows) override;
  void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
              const std::vector<Row>& rows) override;
  void BeginRead() override;
  void BeginWrite() override;
  void BeginAppend() override;
  void BeginMigrating() override;
  void BeginProjecting() override;
  [[nodiscard]] std::string Claiming(std::string_view alias, Claim claim) const override;
  [[nodiscard]] std::string ServerSql() const override {
    return "CAST(extract(epoch FROM pg_postmaster_start_time()) AS text)";
  }
  [[nodiscard]] std::string ContentDigestSql() const override;
  void ContinueWriting() override {}
  void Announce(const Announcement& announcement) override;
  void Commit() override;
  void Rollback() noexcept override;
  // False too when the server hung up while the session lay idle.
  [[nodiscard]] bool usable() const override;

  // Whether a pooler stands in between: the server's process is not the one that the connection was told of.
  [[nodiscard]] bool pooled() const { return pooled_; }

 private:
  class Notices;

  // Runs `work`, turning libpqxx's exceptions into StorageError.
  template <typename Work>
  auto Guarded(Work work) -> decltype(work());
  pqxx::result Run(const std::string& sql, const Parameters& parameters);
  pqxx::result RunInATransaction(const std::string& sql, const Parameters& parameters);
  std::string AsText(const std::string& sql, const Parameters& parameters);
  void WriteRows(std::string_view table, const std::vector<Column>& columns, const std::vector<Row>& rows,
                 const std::string& on_conflict);
  void SendOpening();
  void Begin(const std::string& begin, const std::string& first = "");
  void BeginWriting(const std::string& first = "");
  bool PlansAreDue();
  const std::string& Prepared(const std::string& sql, const Parameters& parameters);

  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<Notices> notices_;
  std::unique_ptr<pqxx::nontransaction>
      channel_;  // BEGIN and COMMIT are ours, so that other statements ride along with them
  std::unordered_map<std::string, std::string> statements_;  // SQL text to the prepared statement's name
  std::uint64_t prepared_ = 0;                               // ever
  std::string sender_;
  std::string opening_;          // SQL that begins the transaction, until it is sent
  bool shares_opening_ = false;  // the first statement goes with it
  std::string with_commit_;      // SQL to run before COMMIT
  bool pooled_ = false;
  std::string transaction_settings_;  // of a pooled session
  const bool renews_plans_as_it_finds_;
  std::uint64_t uses_of_plans_ = 0;  // transactions begun that may write, or finds
  bool in_transaction_ = false;
  bool usable_ = true;
};

}  // namespace billhook::storage
