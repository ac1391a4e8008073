#include "domain/stripe/envelope.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "domain/json_scanner.h"

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
    return Judge();
  }

 private:
  Unexpected<std::string> Fault(std::string_view what) {
    std::string reason(what);
    if (!scanner_.error().empty()) reason.append(": ").append(scanner_.error());
    return Unexpected(reason + ".");
  }

  Result<Envelope, std::string> Judge() {
    if (!id_.IsUsableString())
      return Fault("`id` must be a string of 1 to 255 characters without control characters");
    if (!type_.IsUsableString())
      return Fault("`type` must be a string of 1 to 255 characters without control characters");
    const bool thin = object_.token == Token::kString && object_.text == kThinEventObject;
    const std::optional<UnixMicros> occurred_at = thin ? ThinCreated() : SnapshotCreated();
    if (!occurred_at) {
      return Fault(thin ? "`created` of a v2 event must be an RFC 3339 time"
                        : "`created` must be an integer from 0 to 253402300799 (Unix seconds)");
    }
    Envelope envelope{id_.text, type_.text, *occurred_at, "", ""};
    const Named& about = thin ? related_object_ : data_object_;
    if (about.type.IsUsableString() && about.id.IsUsableString()) {
      envelope.aggregate_type = about.type.text;
      envelope.aggregate_id = about.id.text;
    } else {
      envelope.aggregate_type = object_.IsUsableString() ? object_.text : "event";
      envelope.aggregate_id = id_.text;
    }
    return envelope;
  }

  [[nodiscard]] std::optional<UnixMicros> SnapshotCreated() const {
    if (created_.token != Token::kNumber) return std::nullopt;
    std::int64_t seconds = -1;
    const char* end = created_.text.data() + created_.text.size();
    const auto parsed = std::from_chars(created_.text.data(), end, seconds);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
    if (!whole || created_.text[0] == '-' || seconds > kMaxUnixSeconds) return std::nullopt;
    return seconds * kMicrosPerSecond;
  }

  [[nodiscard]] std::optional<UnixMicros> ThinCreated() const {
    if (created_.token != Token::kString) return std::nullopt;
    return ParseRfc3339(created_.text);
  }

  std::string Key() {
    bool lone_surrogate = false;
    return scanner_.escaped() ? DecodeJsonString(scanner_.text(), &lone_surrogate)
                              : std::string(scanner_.text());
  }

  // A member of the outermost object; false if the JSON is broken.
  bool ReadMember(std::string_view key) {
    if (key == "id") return ReadScalar(id_);
    if (key == "type") return ReadScalar(type_);
    if (key == "object") return ReadScalar(object_);
    if (key == "created") return ReadScalar(created_);
    if (key == "related_object") return ReadNamed(scanner_.Next(), "type", related_object_);
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
      if (!ReadNamed(scanner_.Next(), "object", data_object_)) return false;
      if (seen) data_object_ = Named{};  // two of them: neither names the aggregate
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
  Member id_;
  Member type_;
  Member object_;
  Member created_;
  Named data_object_;
  Named related_object_;
};

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
  return EnvelopeReader(body).Read();
}

}  // namespace billhook::stripe
