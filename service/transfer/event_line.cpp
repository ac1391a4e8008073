#include "service/transfer/event_line.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "domain/json_scanner.h"
#include "domain/json_text.h"
#include "domain/json_writer.h"
#include "domain/stripe/envelope.h"
#include "service/config.h"

namespace billhook::transfer {
namespace {

using Token = JsonScanner::Token;

constexpr std::string_view kNames[] = {
    "id",         "position",  "tenant",      "aggregate_type", "aggregate_id",
    "event_type", "version",   "source",      "schema_version", "payload",
    "metadata",   "caused_by", "occurred_at", "recorded_at",    "checksum"};

bool IsName(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// What stands behind a name: the value of a string, or the text of anything else as it is written.
struct Member {
  bool is_string = false;
  std::string text;
};

// Takes the line apart into its members.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : line_(line), scanner_(line) {}

  // Why not, or nothing.
  std::optional<std::string> Read() {
    if (scanner_.Next() != Token::kBeginObject) return Fault("it is no JSON object");
    Token token = scanner_.Next();
    for (; token == Token::kKey; token = scanner_.Next()) {
      const std::string name(scanner_.text());
      if (!IsName(name)) return std::string("it holds a member that no event has");
      Member member;
      if (!ReadValue(member)) return Fault("a value holds what no event can");
      if (!members_.emplace(name, std::move(member)).second) return "it holds " + name + " twice";
    }
    if (token != Token::kEndObject || scanner_.Next() != Token::kEnd) return Fault("it is no JSON object");
    return std::nullopt;
  }

  std::optional<std::string> Text(std::string_view name) const {
    const auto found = members_.find(name);
    if (found == members_.end() || !found->second.is_string) return std::nullopt;
    return found->second.text;
  }

  // As written, for what is no string.
  std::optional<std::string> Raw(std::string_view name) const {
    const auto found = members_.find(name);
    if (found == members_.end() || found->second.is_string) return std::nullopt;
    return found->second.text;
  }

  std::optional<std::int64_t> Number(std::string_view name) const {
    const std::optional<std::string> text = Raw(name);
    std::int64_t number = 0;
    if (!text) return std::nullopt;
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size() || number < 1)
      return std::nullopt;
    return number;
  }

  std::optional<UnixMicros> Time(std::string_view name) const {
    const std::optional<std::string> text = Text(name);
    return text ? ParseRfc3339(*text) : std::nullopt;
  }

 private:
  std::string Fault(const char* otherwise) const {
    return scanner_.error().empty() ? otherwise : std::string(scanner_.error());
  }

  bool ReadValue(Member& member) {
    const std::size_t outside = scanner_.depth();
    const std::size_t before = scanner_.offset();
    Token token = scanner_.Next();
    if (token == Token::kString) {
      bool lone_surrogate = false;
      member = {true, DecodeJsonString(scanner_.text(), &lone_surrogate)};
      return !lone_surrogate && member.text.find('\0') == std::string::npos;
    }
    while (token != Token::kInvalid && scanner_.depth() > outside) token = scanner_.Next();
    if (token == Token::kInvalid) return false;
    const std::string_view written = line_.substr(before, scanner_.offset() - before);
    const std::size_t start = written.find_first_not_of(": \t\r");
    member = {false, std::string(written.substr(start))};
    return true;
  }

  std::string_view line_;
  JsonScanner scanner_;
  std::map<std::string, Member, std::less<>> members_;
};

// Whoever made the file can make the checksums fit: what could not have been recorded is not taken over
// either, or it would break the JSON that callers get, or the keys of read models.
bool IsObject(std::string_view text) {
  return IsJson(text) && text[text.find_first_not_of(" \t\r\n")] == '{';
}

Unexpected<std::string> Bad(const char* name) {
  return Unexpected("its " + std::string(name) + " is missing or cannot be read");
}

}  // namespace

std::string EventLine(const RecordedEvent& recorded) {
  const Event& event = recorded.event;
  const bool metadata_on_one_line = event.metadata.find_first_of("\r\n") == std::string::npos;
  JsonWriter line;
  line.Begin();
  line.Field("id", event.id);
  line.Field("position", recorded.position);
  line.Field("tenant", event.tenant);
  line.Field("aggregate_type", event.aggregate_type);
  line.Field("aggregate_id", event.aggregate_id);
  line.Field("event_type", event.event_type);
  line.Field("version", recorded.version);
  line.Field("source", NameOf(event.source));
  line.Field("schema_version", event.schema_version);
  line.Field("payload", event.payload);
  line.Key("metadata");
  metadata_on_one_line ? line.Literal(event.metadata) : line.Value(event.metadata);
  line.Field("caused_by", event.caused_by);
  line.Field("occurred_at", FormatRfc3339(event.occurred_at));
  line.Field("recorded_at", FormatRfc3339(recorded.recorded_at));
  line.Field("checksum", ToHex(recorded.checksum));
  line.End();
  return line.TakeText();
}

Result<RecordedEvent, std::string> ReadEventLine(std::string_view line) {
  LineReader reader(line);
  if (std::optional<std::string> fault = reader.Read()) return Unexpected(*std::move(fault));
  RecordedEvent recorded;
  Event& event = recorded.event;
  const auto text = [&reader](const char* name, std::string& into) {
    std::optional<std::string> value = reader.Text(name);
    if (value) into = *std::move(value);
    return value.has_value();
  };
  const auto identifier = [&text](const char* name, std::string& into) {
    return text(name, into) && stripe::IsIdentifier(into);
  };
  const auto number = [&reader](const char* name, std::int64_t& into) {
    const std::optional<std::int64_t> value = reader.Number(name);
    into = value.value_or(0);
    return value.has_value();
  };
  const auto time = [&reader](const char* name, UnixMicros& into) {
    const std::optional<UnixMicros> value = reader.Time(name);
    into = value.value_or(0);
    return value.has_value();
  };
  if (!number("position", recorded.position)) return Bad("position");
  if (!number("version", recorded.version)) return Bad("version");
  if (!identifier("id", event.id)) return Bad("id");
  if (!text("tenant", event.tenant) || !IsTenantName(event.tenant)) return Bad("tenant");
  if (!identifier("aggregate_type", event.aggregate_type)) return Bad("aggregate_type");
  if (!identifier("aggregate_id", event.aggregate_id)) return Bad("aggregate_id");
  if (!identifier("event_type", event.event_type)) return Bad("event_type");
  if (!text("payload", event.payload) || !IsObject(event.payload)) return Bad("payload");
  if (!time("occurred_at", event.occurred_at)) return Bad("occurred_at");
  if (!time("recorded_at", recorded.recorded_at)) return Bad("recorded_at");

  const std::optional<Source> source = SourceNamed(reader.Text("source").value_or(""));
  if (!source) return Bad("source");
  event.source = *source;
  const std::int64_t schema_version = reader.Number("schema_version").value_or(0);
  if (schema_version < 1 || schema_version > std::numeric_limits<int>::max()) return Bad("schema_version");
  event.schema_version = static_cast<int>(schema_version);
  std::optional<std::string> metadata = reader.Raw("metadata");
  if (!metadata) metadata = reader.Text("metadata");
  if (!metadata || !IsObject(*metadata)) return Bad("metadata");
  event.metadata = *std::move(metadata);
  event.caused_by = reader.Text("caused_by");
  const bool no_cause = reader.Raw("caused_by") == "null" && event.source != Source::kStripe;
  if (!event.caused_by && !no_cause) return Bad("caused_by");
  if (event.caused_by && !stripe::IsIdentifier(*event.caused_by)) return Bad("caused_by");
  const std::optional<Digest> checksum = DigestFromHex(reader.Text("checksum").value_or(""));
  if (!checksum) return Bad("checksum");
  recorded.checksum = *checksum;
  return recorded;
}

}  // namespace billhook::transfer
