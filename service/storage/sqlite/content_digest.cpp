#include "service/storage/sqlite/content_digest.h"

#include <array>
#include <exception>
#include <limits>
#include <optional>
#include <string_view>

#include "domain/event.h"

namespace billhook::storage {
namespace {

constexpr std::array<std::string_view, 12> kArguments = {
    "id",       "tenant",    "aggregate_type", "aggregate_id",  "event_type", "source", "schema_version",
    "metadata", "caused_by", "occurred_at",    "payload_bytes", "payload"};

// The arguments one after the other; one of another type than its column's spoils them all.
class Arguments {
 public:
  explicit Arguments(sqlite3_value** values) : next_(values) {}

  std::string Text() {
    sqlite3_value* const value = Next(SQLITE_TEXT);
    return value == nullptr ? "" : TextOf(value);
  }
  std::optional<std::string> OptionalText() {
    if (sqlite3_value_type(*next_) != SQLITE_NULL) return Text();
    ++next_;
    return std::nullopt;
  }
  std::int64_t Int() {
    sqlite3_value* const value = Next(SQLITE_INTEGER);
    return value == nullptr ? 0 : sqlite3_value_int64(value);
  }
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  static std::string TextOf(sqlite3_value* value) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
  }
  sqlite3_value* Next(int type) {
    sqlite3_value* const value = *next_++;
    if (sqlite3_value_type(value) == type) return value;
    sound_ = false;
    return nullptr;
  }

  sqlite3_value** next_;
  bool sound_ = true;
};

// Nothing where the row is none of ours.
std::optional<Digest> DigestOf(Arguments arguments) {
  Event event;
  event.id = arguments.Text();
  event.tenant = arguments.Text();
  event.aggregate_type = arguments.Text();
  event.aggregate_id = arguments.Text();
  event.event_type = arguments.Text();
  const std::optional<Source> source = SourceNamed(arguments.Text());
  const std::int64_t schema_version = arguments.Int();
  event.metadata = arguments.Text();
  event.caused_by = arguments.OptionalText();
  event.occurred_at = arguments.Int();
  const std::int64_t payload_bytes = arguments.Int();
  event.payload = arguments.Text();
  if (!arguments.sound() || !source || schema_version < 1 ||
      schema_version > std::numeric_limits<int>::max() ||
      payload_bytes != static_cast<std::int64_t>(event.payload.size())) {
    return std::nullopt;
  }
  event.source = *source;
  event.schema_version = static_cast<int>(schema_version);
  return ContentDigest(event);
}

void Answer(sqlite3_context* context, int, sqlite3_value** values) {
  try {
    const std::optional<Digest> digest = DigestOf(Arguments(values));
    if (!digest) return sqlite3_result_null(context);
    const std::string digits = ToHex(*digest);
    sqlite3_result_text(context, digits.data(), static_cast<int>(digits.size()), SQLITE_TRANSIENT);
  } catch (const std::exception&) {  // SQLite is C
    sqlite3_result_error_nomem(context);
  }
}

}  // namespace

int AddContentDigest(sqlite3* connection) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  return sqlite3_create_function_v2(connection, "content_digest", static_cast<int>(kArguments.size()), kFlags,
                                    nullptr, &Answer, nullptr, nullptr, nullptr);
}

std::string ContentDigestCall() {
  std::string call = "content_digest(";
  for (std::string_view argument : kArguments) {
    if (call.back() != '(') call += ", ";
    call += argument;
  }
  return call + ')';
}

}  // namespace billhook::storage
