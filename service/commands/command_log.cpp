#include "service/commands/command_log.h"

#include <limits>

#include <nlohmann/json.hpp>

#include "domain/event_store.h"
#include "service/query/where.h"

namespace billhook::commands {
namespace {

using storage::Database;
using storage::Parameter;
using storage::Purpose;
using storage::Rows;
using storage::Session;
using storage::Transaction;

constexpr UnixMicros kWhatever = std::numeric_limits<UnixMicros>::max();

const std::string kColumns =
    "command_id, tenant, command_type, aggregate_id, status, issued_by, data, result, error, position, "
    "created_at, duration_us, lease_until, idempotency_key, request_hash";

Parameter TextOrNull(const std::optional<std::string>& text) {
  return text ? Parameter(*text) : Parameter();
}

Parameter IntegerOrNull(const std::optional<std::int64_t>& value) {
  return value ? Parameter(*value) : Parameter();
}

std::optional<std::int64_t> OptionalInt(const Rows& rows, std::size_t row, std::size_t column) {
  return rows.IsNull(row, column) ? std::nullopt : std::optional(rows.Int(row, column));
}

CommandEntry EntryFrom(const Rows& rows, std::size_t row) {
  CommandEntry entry;
  entry.command_id = rows.Text(row, 0);
  entry.tenant = rows.Text(row, 1);
  entry.command_type = rows.Text(row, 2);
  entry.aggregate_id = rows.OptionalText(row, 3);
  entry.status = rows.Text(row, 4);
  entry.issued_by = rows.Text(row, 5);
  entry.data = rows.Text(row, 6);
  entry.result = rows.OptionalText(row, 7);
  entry.error = rows.OptionalText(row, 8);
  entry.position = OptionalInt(rows, row, 9);
  entry.created_at = rows.Int(row, 10);
  entry.duration_us = OptionalInt(rows, row, 11);
  entry.lease_until = rows.Int(row, 12);
  entry.idempotency_key = rows.OptionalText(row, 13);
  entry.request_hash = rows.Text(row, 14);
  return entry;
}

// Holds one of the places until the end of the scope.
template <typename Semaphore>
class Turn {
 public:
  explicit Turn(Semaphore& places) : places_(places) { places_.acquire(); }
  ~Turn() { places_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Semaphore& places_;
};

// Closes the command if it is pending with a lease that ran out before `at`.
bool CloseIn(Session& session, const std::string& command_id, const Closing& closing, UnixMicros at) {
  return session.Execute(
             "UPDATE commands SET status = $2, result = $3, error = $4, position = $5, duration_us = $6" +
                 std::string(closing.release_key ? ", idempotency_key = NULL" : "") +
                 " WHERE command_id = $1 AND status = 'pending' AND lease_until < $7",
             {command_id, std::string(closing.ok ? "ok" : "error"),
              closing.ok ? Parameter(closing.document) : Parameter(),
              closing.ok ? Parameter() : Parameter(closing.document), IntegerOrNull(closing.position),
              IntegerOrNull(closing.duration_us), at}) == 1;
}

// What the event log says of a command that nobody runs any more.
Closing ClosingFromLog(Session& session, const CommandEntry& entry, const std::string& interrupted) {
  const Rows caused = session.Query(
      "SELECT aggregate_type, aggregate_id, version, position FROM events WHERE tenant = $1 AND caused_by = "
      "$2 "
      "AND source <> 'stripe' AND source IN ('command', 'saga') ORDER BY position DESC LIMIT 1",
      {entry.tenant, entry.command_id});
  if (caused.empty()) return {false, interrupted, std::nullopt, std::nullopt, false, true};
  return {true,
          ResultText(caused.Text(0, 0), caused.Text(0, 1), caused.Int(0, 2)),
          caused.Int(0, 3),
          std::nullopt,
          false,
          false};
}

}  // namespace

std::optional<CommandEntry> CommandLog::Enter(const CommandEntry& entry) {
  const Turn turn(writers_);
  Database::Lease session = database_.Acquire(Purpose::kNote);
  Transaction transaction(*session);
  session->BeginWrite();
  const std::int64_t entered = session->Execute(
      "INSERT INTO commands (" + kColumns +
          ") VALUES ($1, $2, $3, $4, 'pending', $5, $6, NULL, NULL, NULL, $7, NULL, $8, $9, $10) "
          "ON CONFLICT (tenant, issued_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
      {entry.command_id, entry.tenant, entry.command_type, TextOrNull(entry.aggregate_id), entry.issued_by,
       entry.data, entry.created_at, entry.lease_until, TextOrNull(entry.idempotency_key),
       entry.request_hash});
  std::optional<CommandEntry> known;
  if (entered == 0) {
    const Rows rows = session->Query(
        "SELECT " + kColumns + " FROM commands WHERE tenant = $1 AND issued_by = $2 AND idempotency_key = $3",
        {entry.tenant, entry.issued_by, TextOrNull(entry.idempotency_key)});
    // The key was let go between the two statements: whoever asks again will have it.
    if (rows.empty()) throw StorageError("the idempotency key was just let go", true);
    known = EntryFrom(rows, 0);
  }
  transaction.Commit();
  return known;
}

bool CommandLog::Extend(const std::string& command_id, UnixMicros lease_until) {
  const Turn turn(writers_);
  Database::Lease session = database_.Acquire(Purpose::kNote);
  Transaction transaction(*session);
  session->BeginWrite();
  const std::int64_t extended =
      session->Execute("UPDATE commands SET lease_until = $2 WHERE command_id = $1 AND status = 'pending'",
                       {command_id, lease_until});
  transaction.Commit();
  return extended == 1;
}

bool CommandLog::Close(const std::string& command_id, const Closing& closing) {
  const Turn turn(writers_);
  std::unique_lock flushing(flushing_, std::defer_lock);
  if (closing.flush) flushing.lock();
  Database::Lease session = database_.Acquire(closing.flush ? Purpose::kAppend : Purpose::kNote);
  Transaction transaction(*session);
  session->BeginWrite();
  const bool closed = CloseIn(*session, command_id, closing, kWhatever);
  transaction.Commit();
  return closed;
}

std::size_t CommandLog::CloseAbandoned(UnixMicros at, const std::string& interrupted) {
  constexpr const char* kAbandoned = " FROM commands WHERE status = 'pending' AND lease_until < $1 LIMIT 100";
  {
    Database::Lease session = database_.Acquire(Purpose::kRead);
    if (session->Query("SELECT command_id" + std::string(kAbandoned), {at}).empty()) return 0;
  }
  Database::Lease session = database_.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  session->BeginAppend();  // no append of theirs can follow what is read from here on
  const Rows rows = session->Query("SELECT " + kColumns + kAbandoned, {at});
  std::size_t closed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CommandEntry entry = EntryFrom(rows, i);
    if (CloseIn(*session, entry.command_id, ClosingFromLog(*session, entry, interrupted), at)) ++closed;
  }
  transaction.Commit();
  return closed;
}

std::optional<CommandEntry> CommandLog::Find(const std::string& tenant, const std::string& command_id) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  const Rows rows = session->Query(
      "SELECT " + kColumns + " FROM commands WHERE tenant = $1 AND command_id = $2", {tenant, command_id});
  if (rows.empty()) return std::nullopt;
  return EntryFrom(rows, 0);
}

std::vector<CommandEntry> CommandLog::List(const CommandFilter& filter, const query::PageRequest& request) {
  query::Where where;
  where.Equal("tenant", filter.tenant);
  where.EqualIf("command_type", filter.command_type);
  where.EqualIf("aggregate_id", filter.aggregate_id);
  where.EqualIf("status", filter.status);
  where.EqualIf("issued_by", filter.issued_by);
  if (!request.after.empty()) where.And("command_id < " + where.Bind(request.after[0]));
  Database::Lease session = database_.Acquire(Purpose::kRead);
  const Rows rows = session->Query("SELECT " + kColumns + " FROM commands" + where.sql() +
                                       " ORDER BY command_id DESC LIMIT " + std::to_string(request.limit + 1),
                                   where.parameters());
  std::vector<CommandEntry> entries;
  for (std::size_t i = 0; i < rows.size(); ++i) entries.push_back(EntryFrom(rows, i));
  return entries;
}

std::string ResultText(const std::string& aggregate_type, const std::string& aggregate_id,
                       std::int64_t version) {
  return nlohmann::ordered_json(
             {{"aggregate_type", aggregate_type}, {"aggregate_id", aggregate_id}, {"version", version}})
      .dump();
}

}  // namespace billhook::commands
