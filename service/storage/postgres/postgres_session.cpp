#include "service/storage/postgres/postgres_session.h"

#include <array>
#include <cerrno>
#include <set>

#include <sys/socket.h>

#include "domain/event_store.h"
#include "service/storage/postgres/postgres_listener.h"
#include "service/storage/sql_text.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kMaxPreparedStatements = 256;
// "billhook" in ASCII: the key of the advisory lock under which migrations run.
constexpr std::int64_t kMigrationLock = 0x62696c6c686f6f6b;

// Which SQLSTATEs pass by themselves: connection trouble (08), serialisation and deadlock (40), resources
// (53), limits (54 no), lock timeout (55P03), cancelled by a timeout or an administrator (57), the system's
// own trouble (58), and 25006: the server turned read-only, as an old primary does in a failover.
bool MayPass(const std::string& sqlstate) {
  static const std::set<std::string> kClasses = {"08", "40", "53", "57", "58"};
  return sqlstate.size() == 5 &&
         (kClasses.count(sqlstate.substr(0, 2)) == 1 || sqlstate == "55P03" || sqlstate == "25006");
}

// Which are about a value: data exceptions (22), broken constraints (23), limits such as an index's (54).
bool IsAboutData(const std::string& sqlstate) {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("54");
}

// libpqxx names the failed statement in its messages, which may hold a parameter's text: keep the server's
// first line only.
std::string FirstLine(const char* message) {
  const std::string text(message);
  return text.substr(0, text.find('\n'));
}

void AppendQuoted(std::string& literal, const std::string& text) {
  literal += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') literal += '\\';
    literal += c;
  }
  literal += '"';
}

const std::string& WithoutNul(const std::string& text) {
  if (text.find('\0') != std::string::npos)
    throw StorageError("PostgreSQL holds no text with a NUL character", false, true);
  return text;
}

// An array of texts, one after the other.
class ArrayLiteral {
 public:
  void Add(const std::string& text) {
    literal_ += literal_.empty() ? '{' : ',';
    AppendQuoted(literal_, WithoutNul(text));
  }
  [[nodiscard]] std::string Take() { return literal_.empty() ? "{}" : std::move(literal_) + '}'; }

 private:
  std::string literal_;
};

std::string ArrayOf(const TextList& texts) {
  ArrayLiteral literal;
  for (const std::string& text : texts) literal.Add(text);
  return literal.Take();
}

// How many texts an item of a list has; 1 for what is no list.
std::size_t WidthOf(const Parameter& parameter) {
  if (std::holds_alternative<PairList>(parameter)) return 2;
  return std::holds_alternative<TripleList>(parameter) ? 3 : 1;
}

// The first column of a list takes the list's number, the others take numbers behind all parameters.
std::string WithLists(std::string sql, const Parameters& parameters) {
  std::size_t last = parameters.size();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::size_t width = WidthOf(parameters[i]);
    if (width == 1) continue;
    std::string columns = "$" + std::to_string(i + 1) + "::text[]";
    for (std::size_t column = 1; column < width; ++column)
      columns += ", $" + std::to_string(++last) + "::text[]";
    const std::string marker = (width == 2 ? "PAIRS($" : "TRIPLES($") + std::to_string(i + 1) + ")";
    const std::string list = "unnest(" + columns + (width == 2 ? ") AS pair(a, b)" : ") AS triple(a, b, c)");
    for (std::size_t at = sql.find(marker); at != std::string::npos; at = sql.find(marker, at))
      sql.replace(at, marker.size(), list);
  }
  return sql;
}

// As the server reads them in any place, in the order that WithLists gives them; nothing for NULL.
std::vector<std::optional<std::string>> TextsOf(const Parameters& parameters) {
  std::vector<std::optional<std::string>> texts(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (const auto* number = std::get_if<std::int64_t>(&parameter)) texts[i] = std::to_string(*number);
    if (const auto* text = std::get_if<std::string>(&parameter)) texts[i] = WithoutNul(*text);
    std::array<ArrayLiteral, 3> columns;
    if (const auto* pairs = std::get_if<PairList>(&parameter)) {
      for (const auto& [a, b] : *pairs) {
        columns[0].Add(a);
        columns[1].Add(b);
      }
    }
    if (const auto* triples = std::get_if<TripleList>(&parameter)) {
      for (const std::array<std::string, 3>& triple : *triples) {
        for (std::size_t column = 0; column < triple.size(); ++column) columns[column].Add(triple[column]);
      }
    }
    const std::size_t width = WidthOf(parameter);
    if (width > 1) texts[i] = columns[0].Take();
    for (std::size_t column = 1; column < width; ++column) texts.emplace_back(columns[column].Take());
  }
  return texts;
}

void Put32(std::string& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
}

void PutItem(std::string& bytes, const std::string& item) {
  Put32(bytes, static_cast<std::uint32_t>(item.size()));
  bytes += item;
}

// One column of many rows as an array in PostgreSQL's binary form, where nothing is quoted and parsed.
std::string BinaryArray(const std::vector<Row>& rows, std::size_t column, ColumnType type) {
  constexpr std::uint32_t kBigint = 20;  // types' object IDs
  constexpr std::uint32_t kText = 25;
  std::string bytes;
  Put32(bytes, 1);  // dimension
  Put32(bytes, 1);  // there may be nulls
  Put32(bytes, type == ColumnType::kInteger ? kBigint : kText);
  Put32(bytes, static_cast<std::uint32_t>(rows.size()));
  Put32(bytes, 1);  // the first index
  for (const Row& row : rows) {
    const auto* number = std::get_if<std::int64_t>(&row[column]);
    const auto* text = std::get_if<std::string>(&row[column]);
    if (number != nullptr && type == ColumnType::kInteger) {
      const auto bits = static_cast<std::uint64_t>(*number);
      Put32(bytes, sizeof(bits));
      Put32(bytes, static_cast<std::uint32_t>(bits >> 32));
      Put32(bytes, static_cast<std::uint32_t>(bits));
    } else if (number != nullptr) {
      PutItem(bytes, std::to_string(*number));
    } else if (text != nullptr && type == ColumnType::kInteger) {
      throw StorageError("a column of integers holds no text", false, true);
    } else if (text != nullptr) {
      PutItem(bytes, *text);
    } else {
      Put32(bytes, static_cast<std::uint32_t>(-1));
    }
  }
  return bytes;
}

// Replaces rows whose first `keys` columns are equal.
std::string OnConflictUpdate(const std::vector<Column>& columns, std::size_t keys) {
  const std::vector<Column> key_columns(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(keys));
  std::string sql = " ON CONFLICT (" + ColumnList(key_columns) + ") DO ";
  if (keys == columns.size()) return sql + "NOTHING";
  sql += "UPDATE SET ";
  for (std::size_t i = keys; i < columns.size(); ++i) {
    if (i > keys) sql += ", ";
    sql.append(columns[i].name).append(" = excluded.").append(columns[i].name);
  }
  return sql;
}

bool IsPowerOfTwo(std::uint64_t number) {
  return (number & (number - 1)) == 0;
}

// What holds for a session's statements, each behind "SET " or "SET LOCAL ". A process that vanishes in the
// midst of an append holds up all others, so the server ends such a transaction soon; one that vanishes in
// the midst of a step holds up the read models. A COMMIT in doubt is known by the server's warning.
std::string Settings(const std::string& set, Purpose purpose) {
  const char* const idle = purpose == Purpose::kAppend ? "5s" : purpose == Purpose::kProject ? "20s" : "60s";
  // Who writes or finds asks for single rows by key: a plan made while the tables were empty must not scan
  // them for ever. Readers ask with changing filters: each is planned for its own.
  const char* const planner =
      purpose == Purpose::kRead ? "plan_cache_mode = force_custom_plan; " : "enable_seqscan = off; ";
  const char* const longest = purpose == Purpose::kFind ? "5s" : "60s";
  return set + "client_min_messages = warning; " + set + "jit = off; " + set + "lock_timeout = '5s'; " + set +
         "statement_timeout = '" + longest + "'; " + set + "idle_in_transaction_session_timeout = '" + idle +
         "'; " + set + "synchronous_commit = " + (purpose == Purpose::kProject ? "off; " : "on; ") + set +
         planner;
}

}  // namespace

// Keeps what the server says beside its answers off standard error, and knows whether it said anything.
class PostgresSession::Notices : public pqxx::errorhandler {
 public:
  using errorhandler::errorhandler;
  bool operator()(const char*) noexcept override {
    any_ = true;
    return false;
  }
  void Clear() { any_ = false; }
  [[nodiscard]] bool any() const { return any_; }

 private:
  bool any_ = false;
};

template <typename Work>
auto PostgresSession::Guarded(Work work) -> decltype(work()) {
  try {
    // libpqxx would open it again unasked, and what comes next would stand outside of its transaction.
    if (connection_ && !connection_->is_open()) throw pqxx::broken_connection("the connection is gone");
    return work();
  } catch (const pqxx::broken_connection& error) {
    usable_ = false;
    throw StorageError("PostgreSQL: " + FirstLine(error.what()), true);
  } catch (const pqxx::sql_error& error) {
    if (!connection_ || !connection_->is_open()) usable_ = false;
    const bool may_pass = !usable_ || MayPass(error.sqlstate());
    if (may_pass) usable_ = false;  // a fresh connection may find another host
    throw StorageError("PostgreSQL " + error.sqlstate() + ": " + FirstLine(error.what()), may_pass,
                       IsAboutData(error.sqlstate()));
  } catch (const pqxx::failure& error) {
    usable_ = false;
    throw StorageError("PostgreSQL: " + FirstLine(error.what()), true);
  } catch (const pqxx::argument_error&) {  // of a text that cannot be quoted
    throw StorageError("PostgreSQL holds no text that is not UTF-8", false, true);
  }
}

PostgresSession::PostgresSession(const std::string& url, Purpose purpose, std::string sender)
    : sender_(std::move(sender)), renews_plans_as_it_finds_(purpose == Purpose::kFind) {
  Guarded([&] {
    connection_ = std::make_unique<pqxx::connection>(url);
    notices_ = std::make_unique<Notices>(*connection_);
    channel_ = std::make_unique<pqxx::nontransaction>(*connection_);
    const pqxx::result server = channel_->exec("SELECT current_setting('server_encoding'), pg_backend_pid()");
    if (server[0][0].as<std::string>() != "UTF8") {
      throw StorageError("the database's encoding must be UTF8; create it with ENCODING 'UTF8'", false);
    }
    pooled_ = server[0][1].as<int>() != connection_->backendpid();
    if (pooled_) {
      transaction_settings_ = Settings("SET LOCAL ", purpose);
    } else {
      channel_->exec(Settings("SET ", purpose));
    }
  });
}

PostgresSession::~PostgresSession() = default;

// An idle server says nothing: what can be read now is its farewell.
bool PostgresSession::usable() const {
  char byte = 0;
  return usable_ && recv(connection_->sock(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

// The name of the statement, prepared on this connection.
const std::string& PostgresSession::Prepared(const std::string& sql, const Parameters& parameters) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return known->second;
  if (statements_.size() >= kMaxPreparedStatements && with_commit_.empty()) {
    for (const auto& [text, prepared] : statements_) connection_->unprepare(prepared);
    statements_.clear();
  }
  const std::string name = "s" + std::to_string(++prepared_);  // one that failed may have taken its name
  connection_->prepare(name, WithLists(sql, parameters));
#if PQXX_VERSION_MAJOR < 7
  connection_->prepare_now(name);
#endif
  return statements_.emplace(sql, name).first->second;
}

pqxx::result PostgresSession::Run(const std::string& sql, const Parameters& parameters) {
  if (pooled_ && !in_transaction_) return RunInATransaction(sql, parameters);
  return Guarded([&] {
    if (!opening_.empty() && shares_opening_) {
      const std::string statement = AsText(sql, parameters);
      return channel_->exec(std::exchange(opening_, {}) + statement);
    }
    SendOpening();
    if (renews_plans_as_it_finds_ && PlansAreDue()) channel_->exec("DISCARD PLANS");
    const std::vector<std::optional<std::string>> texts = TextsOf(parameters);
    std::vector<const char*> pointers;
    for (const auto& text : texts) pointers.push_back(text ? text->c_str() : nullptr);
#if PQXX_VERSION_MAJOR >= 7
    pqxx::params bound;
    for (const char* pointer : pointers) bound.append(pointer);
#else
    const auto bound = pqxx::prepare::make_dynamic_params(pointers);
#endif
    return pooled_ ? channel_->exec_params(WithLists(sql, parameters), bound)
                   : channel_->exec_prepared(Prepared(sql, parameters), bound);
  });
}

// The statement with its parameters in it, to share a message with others.
std::string PostgresSession::AsText(const std::string& sql, const Parameters& parameters) {
  TextList literals;
  for (const std::optional<std::string>& text : TextsOf(parameters))
    literals.push_back(text ? connection_->quote(*text) : "NULL");
  if (pooled_) return ReplaceParameters(WithLists(sql, parameters), literals);
  std::string execute = "EXECUTE " + Prepared(sql, parameters);
  for (std::size_t i = 0; i < literals.size(); ++i) execute.append(i == 0 ? "(" : ", ").append(literals[i]);
  return execute.append(literals.empty() ? "" : ")");
}

// Where each transaction brings its settings along, what stands outside of one has none: no limit of time
// above all.
pqxx::result PostgresSession::RunInATransaction(const std::string& sql, const Parameters& parameters) {
  Begin("BEGIN");
  try {
    pqxx::result result = Run(sql, parameters);
    Commit();
    return result;
  } catch (...) {
    Rollback();
    throw;
  }
}

void PostgresSession::SendOpening() {
  if (!opening_.empty()) channel_->exec(std::exchange(opening_, {}));
}

Rows PostgresSession::Query(const std::string& sql, const Parameters& parameters) {
  const pqxx::result result = Run(sql, parameters);
  Rows rows(static_cast<std::size_t>(result.columns()));
  for (const pqxx::row& row : result) {
    for (const pqxx::field& field : row) {
      if (field.is_null()) {
        rows.Add(std::monostate());
      } else {
        rows.Add(std::string(field.c_str(), field.size()));
      }
    }
  }
  return rows;
}

std::int64_t PostgresSession::Execute(const std::string& sql, const Parameters& parameters) {
  return static_cast<std::int64_t>(Run(sql, parameters).affected_rows());
}

void PostgresSession::ExecuteWithCommit(const std::string& sql, const Parameters& parameters) {
  Guarded([&] { with_commit_ += AsText(sql, parameters) + "; "; });
}

void PostgresSession::ExecuteScript(const std::string& script) {
  Guarded([&] { channel_->exec(std::exchange(opening_, {}) + script); });
}

// LATERAL with OFFSET 0 leaves the planner no other way than one index look-up a value: without statistics,
// as in a young database, it would rather read the whole generation.
Rows PostgresSession::Lookup(const Table& table, std::int64_t generation, std::string_view column,
                             const TextList& values, const std::optional<Flag>& flag) {
  return Query("SELECT " + ColumnList(table.columns, "r.") +
                   " FROM unnest($2::text[]) AS item CROSS JOIN LATERAL (SELECT " +
                   ColumnList(table.columns) + " FROM " + std::string(table.name) +
                   " WHERE generation = $1 AND " + std::string(column) + " = item" + AndFlag(flag) +
                   " OFFSET 0) AS r",
               {generation, ArrayOf(values)});
}

void PostgresSession::Insert(std::string_view table, const std::vector<Column>& columns,
                             const std::vector<Row>& rows) {
  WriteRows(table, columns, rows, "");
}

void PostgresSession::Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
                             const std::vector<Row>& rows) {
  WriteRows(table, columns, rows, OnConflictUpdate(columns, keys));
}

// One array a column, so that a batch of any size is one prepared statement and one round trip.
void PostgresSession::WriteRows(std::string_view table, const std::vector<Column>& columns,
                                const std::vector<Row>& rows, const std::string& on_conflict) {
  if (rows.empty()) return;
  std::string types;
  std::vector<std::string> arrays;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) types += ", ";
    types +=
        "$" + std::to_string(i + 1) + (columns[i].type == ColumnType::kInteger ? "::bigint[]" : "::text[]");
    arrays.push_back(BinaryArray(rows, i, columns[i].type));
  }
  const std::string sql = "INSERT INTO " + std::string(table) + " (" + ColumnList(columns) +
                          ") SELECT * FROM unnest(" + types + ")" + on_conflict;
  Guarded([&] {
#if PQXX_VERSION_MAJOR >= 7
    pqxx::params bound;
    for (const std::string& array : arrays)
      bound.append(
          std::basic_string_view<std::byte>(reinterpret_cast<const std::byte*>(array.data()), array.size()));
#else
    std::vector<pqxx::binarystring> binary;
    for (const std::string& array : arrays) binary.emplace_back(array);
    const auto bound = pqxx::prepare::make_dynamic_params(binary);
#endif
    SendOpening();
    pooled_ ? channel_->exec_params(sql, bound) : channel_->exec_prepared(Prepared(sql, {}), bound);
  });
}

// It is sent in front of the first statement; in one round trip with it where that names nothing but what may
// stand in the server's log, as a statement's text does when it fails.
void PostgresSession::Begin(const std::string& begin, const std::string& first) {
  in_transaction_ = true;
  shares_opening_ = false;
  with_commit_.clear();
  opening_ = begin + "; " + transaction_settings_ + first;
}

void PostgresSession::BeginRead() {
  Begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

// While tables are as good as empty all their indexes cost the same, so a plan that is kept from then on may
// go through a whole generation for each row. They grow fastest in the beginning: plans are made anew after
// 1, 2, 4, 8 ... transactions that write, or finds.
bool PostgresSession::PlansAreDue() {
  return IsPowerOfTwo(++uses_of_plans_) && !pooled_;
}

void PostgresSession::BeginWriting(const std::string& first) {
  Begin(PlansAreDue() ? "DISCARD PLANS; BEGIN" : "BEGIN", first);
}

void PostgresSession::BeginWrite() {
  BeginWriting();
}

void PostgresSession::BeginAppend() {
  // A locked row makes even a transaction that writes nothing wait, at its COMMIT, for a synchronous standby:
  // what is answered as a duplicate is as safe as a first.
  BeginWriting("SELECT 1 FROM log_head WHERE singleton = 1 FOR UPDATE; ");
  shares_opening_ = true;
}

void PostgresSession::BeginProjecting() {
  BeginWriting();
  shares_opening_ = true;
}

void PostgresSession::BeginMigrating() {
  // The first process is waited for, however long its statements take; its tables are not: whoever waits for
  // one holds up all that ask for it afterwards.
  Begin("BEGIN", "SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(" +
                     std::to_string(kMigrationLock) +
                     "); SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0; ");
}

// The encoding is ContentDigest's: a change there is one here. The server's texts are UTF-8, so their bytes
// are those that came. Each call is the server's own: named in full, with its very types, so that nobody
// else's function fits better.
std::string PostgresSession::ContentDigestSql() const {
  const auto number = [](const std::string& value) {
    return "pg_catalog.int8send((" + value + ")::bigint) || ";
  };
  const auto text = [&number](const std::string& value) {
    return number("pg_catalog.octet_length(" + value + ")") + "pg_catalog.convert_to(" + value +
           ", 'UTF8'::name)";
  };
  std::string content;
  for (const char* column : {"id", "tenant", "aggregate_type", "aggregate_id", "event_type", "source"})
    content += text(column) + " || ";
  content += number("schema_version") + text("metadata") +
             " || pg_catalog.decode(CASE WHEN caused_by IS NULL THEN '00'::text ELSE '01'::text END, "
             "'hex'::text) || " +
             text("coalesce(caused_by, ''::text)") + " || " + number("occurred_at") + text("payload");
  std::string sources;
  for (Source source : kSources)
    sources.append(sources.empty() ? "'" : ", '").append(NameOf(source)).append("'::text");
  return "CASE WHEN payload_bytes = pg_catalog.octet_length(payload) AND schema_version > 0 AND source IN (" +
         sources + ") THEN pg_catalog.encode(pg_catalog.sha256(" + content + "), 'hex'::text) END";
}

std::string PostgresSession::Claiming(std::string_view alias, Claim claim) const {
  return " FOR UPDATE OF " + std::string(alias) + (claim == Claim::kPassBy ? " SKIP LOCKED" : "");
}

void PostgresSession::Announce(const Announcement& announcement) {
  const std::string text = connection_->quote(sender_ + " " + announcement.ToText());
  with_commit_ += "SELECT pg_notify(" + std::string(kChannelSql) + ", " + text + "); ";
}

void PostgresSession::Commit() {
  notices_->Clear();
  Guarded([&] { channel_->exec(std::exchange(opening_, {}) + with_commit_ + "COMMIT"); });
  in_transaction_ = false;
  // So it says that a wait for the standby was cancelled, or that there is no transaction any more; its words
  // are in its own language.
  if (notices_->any()) {
    usable_ = false;
    throw StorageError("PostgreSQL gave a warning instead of a plain COMMIT; its log says why", true);
  }
}

void PostgresSession::Rollback() noexcept {
  if (!in_transaction_) return;
  in_transaction_ = false;
  const bool begun = std::exchange(opening_, {}).empty();
  if (!usable_ || !begun) return;
  try {
    channel_->exec("ROLLBACK");
  } catch (const std::exception&) {
    usable_ = false;
  }
}

}  // namespace billhook::storage
