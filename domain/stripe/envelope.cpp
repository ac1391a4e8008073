#include "domain/stripe/envelope.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "domain/json_scanner.h"
#include "domain/json_tape.h"

namespace billhook::stripe {
namespace {

using Token = JsonScanner::Token;

constexpr std::size_t kMaxIdentifierCharacters = 255;
constexpr std::string_view kThinEventObject = "v2.core.event";

// A scalar member as it was found; `times` tells absent (0) and repeated (2 and more) apart.
struct Member {
  Token token = Token::kNull;
  std::string text;
  bool lone_surrogate = false;
  int times = 0;

  [[nodiscard]] bool IsUsableString() const {
    return times == 1 && token == Token::kString && !lone_surrogate && IsIdentifier(text);
  }
};

// What an object inside the envelope says of itself.
struct Named {
  Member type;
  Member id;
};

// The members that an envelope is made of.
struct Members {
  Member id;
  Member type;
  Member object;
  Member created;
  Named data_object;
  Named related_object;
};

// Where the scalar under that key of the event goes; nullptr where none is of interest.
Member* ScalarUnder(std::string_view key, Members& members) {
  if (key == "id") return &members.id;
  if (key == "type") return &members.type;
  if (key == "object") return &members.object;
  return key == "created" ? &members.created : nullptr;
}

std::optional<UnixMicros> SnapshotCreated(const Member& created) {
  if (created.token != Token::kNumber) return std::nullopt;
  std::int64_t seconds = -1;
  const char* end = created.text.data() + created.text.size();
  const auto parsed = std::from_chars(created.text.data(), end, seconds);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
  if (!whole || created.text[0] == '-' || seconds > kMaxUnixSeconds) return std::nullopt;
  return seconds * kMicrosPerSecond;
}

std::optional<UnixMicros> ThinCreated(const Member& created) {
  if (created.token != Token::kString) return std::nullopt;
  return ParseRfc3339(created.text);
}

Result<Envelope, std::string> Judge(Members members) {
  if (!members.id.IsUsableString())
    return Unexpected(
        std::string("`id` must be a string of 1 to 255 characters without control characters."));
  if (!members.type.IsUsableString())
    return Unexpected(
        std::string("`type` must be a string of 1 to 255 characters without control characters."));
  const bool thin = members.object.token == Token::kString && members.object.text == kThinEventObject;
  const std::optional<UnixMicros> occurred_at =
      thin ? ThinCreated(members.created) : SnapshotCreated(members.created);
  if (!occurred_at) {
    return Unexpected(
        std::string(thin ? "`created` of a v2 event must be an RFC 3339 time."
                         : "`created` must be an integer from 0 to 253402300799 (Unix seconds)."));
  }
  Envelope envelope{std::move(members.id.text), std::move(members.type.text), *occurred_at, "", ""};
  Named& about = thin ? members.related_object : members.data_object;
  if (about.type.IsUsableString() && about.id.IsUsableString()) {
    envelope.aggregate_type = std::move(about.type.text);
    envelope.aggregate_id = std::move(about.id.text);
  } else {
    envelope.aggregate_type = members.object.IsUsableString() ? std::move(members.object.text) : "event";
    envelope.aggregate_id = envelope.id;
  }
  return envelope;
}

// Reads any text, and says what is wrong with it.
class EnvelopeReader {
 public:
  explicit EnvelopeReader(std::string_view body) : scanner_(body) {}

  Result<Envelope, std::string> Read() {
    if (scanner_.Next() != Token::kBeginObject) return Fault("The body is not a JSON object");
    std::vector<std::string> keys;
    Token token = scanner_.Next();
    for (; token == Token::kKey; token = scanner_.Next()) {
      keys.push_back(Key());
      if (!ReadMember(keys.back())) return Fault("The body is not valid JSON");
    }
    if (token != Token::kEndObject || scanner_.Next() != Token::kEnd)
      return Fault("The body is not valid JSON");
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end())
      return Fault("A key of the event stands in it twice");
    return Judge(std::move(members_));
  }

 private:
  Unexpected<std::string> Fault(std::string_view what) {
    std::string reason(what);
    if (!scanner_.error().empty()) reason.append(": ").append(scanner_.error());
    return Unexpected(reason + ".");
  }

  std::string Key() {
    bool lone_surrogate = false;
    return scanner_.escaped() ? DecodeJsonString(scanner_.text(), &lone_surrogate)
                              : std::string(scanner_.text());
  }

  // A member of the outermost object; false if the JSON is broken.
  bool ReadMember(std::string_view key) {
    if (Member* scalar = ScalarUnder(key, members_)) return ReadScalar(*scalar);
    if (key == "related_object") return ReadNamed(scanner_.Next(), "type", members_.related_object);
    if (key == "data") return ReadData();
    return Skip(scanner_.Next());
  }

  bool ReadData() {
    const Token token = scanner_.Next();
    if (token != Token::kBeginObject) return Skip(token);
    bool seen = false;
    Token member = scanner_.Next();
    for (; member == Token::kKey; member = scanner_.Next()) {
      if (Key() != "object") {
        if (!Skip(scanner_.Next())) return false;
        continue;
      }
      if (!ReadNamed(scanner_.Next(), "object", members_.data_object)) return false;
      if (seen) members_.data_object = Named{};  // two of them: neither names the aggregate
      seen = true;
    }
    return member == Token::kEndObject;
  }

  bool ReadNamed(Token token, std::string_view type_key, Named& named) {
    if (token != Token::kBeginObject) return Skip(token);
    Token member = scanner_.Next();
    for (; member == Token::kKey; member = scanner_.Next()) {
      const std::string key = Key();
      const bool read = key == type_key ? ReadScalar(named.type)
                        : key == "id"   ? ReadScalar(named.id)
                                        : Skip(scanner_.Next());
      if (!read) return false;
    }
    return member == Token::kEndObject;
  }

  bool ReadScalar(Member& member) {
    member.token = scanner_.Next();
    ++member.times;
    if (member.token == Token::kString) {
      member.text = scanner_.escaped() ? DecodeJsonString(scanner_.text(), &member.lone_surrogate)
                                       : std::string(scanner_.text());
    } else if (member.token == Token::kNumber) {
      member.text = scanner_.text();
    }
    return Skip(member.token);
  }

  // Reads to the end of the value that starts with `token`; false if the JSON is broken.
  bool Skip(Token token) {
    if (token == Token::kInvalid || token == Token::kEnd) return false;
    if (token != Token::kBeginObject && token != Token::kBeginArray) return true;
    const std::size_t outside = scanner_.depth() - 1;
    while (scanner_.depth() > outside) {
      if (scanner_.Next() == Token::kInvalid) return false;
    }
    return true;
  }

  JsonScanner scanner_;
  Members members_;
};

// Reads a text that is plain, several times as fast.
class TapeReader {
 public:
  // Nothing where EnvelopeReader has to judge.
  std::optional<Members> Read(const TapeValue& event) {
    std::vector<std::string_view> keys;
    for (TapeValue key = event.Inside(); !key.IsEnd();) {
      const TapeValue value = key.Next();
      keys.push_back(key.text());
      if (!ReadMember(keys.back(), value)) return std::nullopt;
      key = value.Next();
    }
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return std::nullopt;
    return std::move(members_);
  }

 private:
  using Kind = TapeValue::Kind;

  bool ReadMember(std::string_view key, const TapeValue& value) {
    if (Member* scalar = ScalarUnder(key, members_)) return ReadScalar(value, *scalar);
    if (key == "related_object") return ReadNamed(value, "type", members_.related_object);
    return key != "data" || ReadData(value);
  }

  bool ReadData(const TapeValue& data) {
    if (data.kind() != Kind::kObject) return true;
    bool seen = false;
    for (TapeValue key = data.Inside(); !key.IsEnd();) {
      const TapeValue value = key.Next();
      if (key.text() == "object") {
        if (seen || !ReadNamed(value, "object", members_.data_object)) return false;
        seen = true;
      }
      key = value.Next();
    }
    return true;
  }

  static bool ReadNamed(const TapeValue& object, std::string_view type_key, Named& named) {
    if (object.kind() != Kind::kObject) return true;
    for (TapeValue key = object.Inside(); !key.IsEnd();) {
      const TapeValue value = key.Next();
      const std::string_view name = key.text();
      if (name == type_key && !ReadScalar(value, named.type)) return false;
      if (name == "id" && !ReadScalar(value, named.id)) return false;
      key = value.Next();
    }
    return true;
  }

  // A number's text is written anew, which is how it stood only if it is an integer other than 0.
  static bool ReadScalar(const TapeValue& value, Member& member) {
    ++member.times;
    switch (value.kind()) {
      case Kind::kString:
        member.token = Token::kString;
        member.text = value.text();
        return true;
      case Kind::kInteger:
        member.token = Token::kNumber;
        member.text = std::to_string(value.integer());
        return value.integer() != 0;
      default:
        return false;
    }
  }

  Members members_;
};

std::optional<Members> ReadPlain(std::string_view body) {
  const std::optional<JsonTape> tape = JsonTape::Of(body);
  if (!tape) return std::nullopt;
  return TapeReader().Read(tape->root());
}

}  // namespace

bool IsIdentifier(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      return false;  // C1 controls
    if ((byte & 0xc0) != 0x80) ++characters;
  }
  return characters >= 1 && characters <= kMaxIdentifierCharacters;
}

Result<Envelope, std::string> ReadEnvelope(std::string_view body) {
  if (std::optional<Members> plain = ReadPlain(body)) return Judge(*std::move(plain));
  return EnvelopeReader(body).Read();
}

}  // namespace billhook::stripe
