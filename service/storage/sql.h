// The seam between billhook and its two database engines. SQL that both understand is written once against
// `Session`; what truly differs (locks, bulk writes, error codes) lives in the adapters under sqlite/ and
// postgres/. A Session is one connection and belongs to one thread at a time; a Database hands them out and
// is thread safe. All calls throw StorageError (domain/event_store.h) for the world's faults.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "projections/table.h"
#include "service/storage/announcement.h"

namespace billhook::storage {

// A parameter: NULL, an integer, a text, or a list of pairs of texts for PAIRS($n), of triples for
// TRIPLES($n).
using TextList = std::vector<std::string>;
using PairList = std::vector<std::pair<std::string, std::string>>;
using TripleList = std::vector<std::array<std::string, 3>>;
using Parameter = std::variant<std::monostate, std::int64_t, std::string, PairList, TripleList>;
using Parameters = std::vector<Parameter>;

// The rows of an answer, by number of row and column. A value of another type than asked for (a damaged
// database) throws StorageError.
class Rows {
 public:
  Rows() = default;
  explicit Rows(std::size_t columns) : columns_(columns) {}
  void Add(Cell cell) { cells_.push_back(std::move(cell)); }

  [[nodiscard]] std::size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool IsNull(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::int64_t Int(std::size_t row, std::size_t column) const;
  [[nodiscard]] const std::string& Text(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::optional<std::string> OptionalText(std::size_t row, std::size_t column) const;
  // Moves the text out.
  [[nodiscard]] std::string TakeText(std::size_t row, std::size_t column);
  // The cell as the column's type.
  [[nodiscard]] Cell Take(std::size_t row, std::size_t column, ColumnType type);

 private:
  [[nodiscard]] const Cell& At(std::size_t row, std::size_t column) const;

  std::size_t columns_ = 0;
  std::vector<Cell> cells_;
};

// What becomes of a row that another process has claimed: it is waited for, or left out.
enum class Claim { kWait, kPassBy };

class Session {
 public:
  virtual ~Session() = default;

  // Runs one statement with $1, $2 ... parameters and returns its rows. `PAIRS($n)` stands for a table of the
  // pairs of parameter n with the columns a and b, `TRIPLES($n)` for one with a, b and c. Statements are
  // prepared once a connection.
  virtual Rows Query(const std::string& sql, const Parameters& parameters) = 0;
  Rows Query(const std::string& sql) { return Query(sql, {}); }
  // The same for a statement without rows: how many rows it changed.
  virtual std::int64_t Execute(const std::string& sql, const Parameters& parameters) = 0;
  std::int64_t Execute(const std::string& sql) { return Execute(sql, {}); }
  // The same where nobody asks how many, and nothing in the transaction hangs on it, nor sees it: it may wait
  // for the commit, to share its way to the server.
  virtual void ExecuteWithCommit(const std::string& sql, const Parameters& parameters) {
    Execute(sql, parameters);
  }
  // Several statements in one text, without parameters (migrations).
  virtual void ExecuteScript(const std::string& script) = 0;

  // The rows of a read-model generation whose `column` has one of `values`, and that bear the flag if there
  // is one: one look into an index for each value.
  virtual Rows Lookup(const Table& table, std::int64_t generation, std::string_view column,
                      const TextList& values, const std::optional<Flag>& flag) = 0;

  // Writes many rows in one go, `columns` in the order of the cells; a row that breaks a unique key fails
  // them all.
  virtual void Insert(std::string_view table, const std::vector<Column>& columns,
                      const std::vector<Row>& rows) = 0;
  // The same, replacing rows with equal `keys` (the first `keys` columns, which are a unique key of the
  // table).
  virtual void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
                      const std::vector<Row>& rows) = 0;

  // A transaction begins, of one of these kinds; on PostgreSQL with its first statement.
  // One that sees one state of the database throughout and writes nothing.
  virtual void BeginRead() = 0;
  // One that may write. On SQLite it holds the write lock of its file from here on.
  virtual void BeginWrite() = 0;
  // The same, and appends to the log wait until it ends: taken before positions are given, so that they are
  // in commit order.
  virtual void BeginAppend() = 0;
  // The same for migrations: a second process waits here until the first is done.
  virtual void BeginMigrating() = 0;
  // One that first reads what a projection needs. On PostgreSQL it is one from here on; on SQLite,
  // where one process owns the file, what is read is of one moment, and ContinueWriting begins another, so
  // that nobody waits for who reads.
  virtual void BeginProjecting() = 0;
  // Stands behind a SELECT whose rows of the table named `alias` are claimed until the transaction ends.
  // Nothing where one process owns the database.
  [[nodiscard]] virtual std::string Claiming(std::string_view, Claim) const { return ""; }
  // An expression that tells the server asked from any other: after a failover to a server that knows less,
  // other events may take the positions that are known already. Whoever remembers something of the log
  // remembers whose it is. Empty where one process owns the database.
  [[nodiscard]] virtual std::string ServerSql() const { return "''"; }
  // An expression over a row of events: its ContentDigest (domain/event.h) in hexadecimal digits, computed
  // where the row lies, so that its payload need not travel. NULL for a row that billhook never writes.
  [[nodiscard]] virtual std::string ContentDigestSql() const = 0;
  // The same for the one who follows the log's end with all read models: on SQLite he holds the write lock of
  // their file from here on, and reads with the connection that still knows what it wrote.
  virtual void BeginFollowing() { BeginProjecting(); }
  // Ends the reading part of these two: writes may follow.
  virtual void ContinueWriting() = 0;
  // Tells the other processes on this database once the transaction commits. Where one process owns the
  // database there are none.
  virtual void Announce(const Announcement&) {}
  virtual void Commit() = 0;
  // Never throws; does nothing outside a transaction.
  virtual void Rollback() noexcept = 0;

  // False once the connection is of no more use.
  [[nodiscard]] virtual bool usable() const = 0;
};

// What a session is for: to append to the log, to note what may lag after a power cut (who follows it how
// far, how a command went), to write read models, which can be rebuilt, and to read. Only appends pay for a
// flush at each commit. Reads differ from call to call; finds look single rows up by their keys, always in
// the same way.
enum class Purpose { kAppend, kNote, kProject, kRead, kFind };
constexpr std::size_t kPurposes = 5;

// A part of a database with tables of its own: who writes it, what sections of migrations are for it, and
// whether all in it can be made again from the others.
struct DatabasePart {
  Purpose writer;
  std::string_view schema;
  bool derived = false;
};

// How many of a purpose's sessions are lent out now, and how many may be.
struct SessionUse {
  std::size_t in_use = 0;
  std::size_t most = 0;
};

class Database {
 public:
  virtual ~Database() = default;

  // A session that goes back to the pool with the lease. Waits up to the pool's limit for a free one.
  class Lease {
   public:
    Lease(Database& database, Purpose purpose, std::unique_ptr<Session> session)
        : database_(&database), purpose_(purpose), session_(std::move(session)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (session_) database_->GiveBack(purpose_, std::move(session_));
    }
    Session* operator->() { return session_.get(); }
    Session& operator*() { return *session_; }

   private:
    Database* database_;
    Purpose purpose_;
    std::unique_ptr<Session> session_;
  };
  virtual Lease Acquire(Purpose purpose) = 0;

  [[nodiscard]] virtual SessionUse UseOf(Purpose purpose) = 0;

  // From here on `on_heard` is called for what other processes announce and may have announced, `on_hearing`
  // whenever that begins or ends to work; both on a thread of its own. Once, until StopListening.
  virtual void Listen(OnHeard, OnHearing) {}
  virtual void StopListening() {}
  [[nodiscard]] virtual Hearing hearing() const { return Hearing::kAlone; }

  // All there is in it, in the order in which they are migrated.
  [[nodiscard]] virtual std::vector<DatabasePart> parts() const = 0;

  // "sqlite" or "postgresql".
  [[nodiscard]] virtual std::string_view engine() const = 0;

 protected:
  virtual void GiveBack(Purpose purpose, std::unique_ptr<Session> session) = 0;
};

// Rolls back at the end of the scope unless Commit was called.
class Transaction {
 public:
  explicit Transaction(Session& session) : session_(session) {}
  ~Transaction() { session_.Rollback(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void Commit() { session_.Commit(); }

 private:
  Session& session_;
};

}  // namespace billhook::storage
