#include "domain/json.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "domain/json_scanner.h"
#include "domain/json_tape.h"

namespace billhook {
namespace {

using Token = JsonScanner::Token;

// The keys of the objects that are open, to find one that stands twice: in order, for who sends the text can
// make keys whose hashes are all the same.
class OpenKeys {
 public:
  void Open() { objects_.emplace_back(); }
  void Close() { objects_.pop_back(); }
  // False if the innermost object has it already.
  bool Add(std::string_view key) { return objects_.back().insert(key).second; }

 private:
  std::vector<std::set<std::string_view>> objects_;
};

// What becomes of members that nobody wants.
enum class LeftOut { kOnlyScanned, kJudged };

// Builds the document token by token; recursion would let a caller choose our stack depth.
class DocumentBuilder {
 public:
  // `wants` may be nullptr: everything.
  DocumentBuilder(std::string_view text, MemberFilter wants, LeftOut left_out)
      : scanner_(text), wants_(wants), judges_(left_out == LeftOut::kJudged) {}

  Result<Json, std::string> Build() {
    while (true) {
      const Token token = scanner_.Next();
      if (token == Token::kInvalid) return Unexpected(std::string(scanner_.error()));
      if (token == Token::kEnd) return std::move(root_);
      if (!Take(token)) return Unexpected(std::string(fault_));
    }
  }

 private:
  bool Take(Token token) {
    switch (token) {
      case Token::kBeginObject:
        if (judges_) keys_.Open();
        return Open(Json::object());
      case Token::kBeginArray:
        return Open(Json::array());
      case Token::kEndObject:
        if (judges_) keys_.Close();
        [[fallthrough]];
      case Token::kEndArray:
        open_.pop_back();
        around_.pop_back();
        return true;
      case Token::kKey:
        return TakeKey();
      case Token::kString: {
        std::string value;
        return TakeText(value) && Place(std::move(value)) != nullptr;
      }
      case Token::kNumber:
        return TakeNumber(scanner_.text());
      case Token::kTrue:
        return Place(true) != nullptr;
      case Token::kFalse:
        return Place(false) != nullptr;
      case Token::kNull:
        return Place(nullptr) != nullptr;
      case Token::kEnd:
      case Token::kInvalid:
        break;
    }
    BILLHOOK_CHECK(false);
  }

  bool Open(Json container) {
    if (open_.empty()) {
      around_.emplace_back();
    } else {
      around_.push_back(open_.back()->is_array() ? around_.back() : key_);
    }
    open_.push_back(Place(std::move(container)));
    return true;
  }

  // Where the value now stands: the root, the next element, or under the key that was read before.
  Json* Place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool TakeKey() {
    const std::string_view text = scanner_.text();
    if (judges_ && (scanner_.escaped() || !keys_.Add(text))) return Refuse("a key with an escape, or twice");
    // A key with an escape is decoded first, below; most have none and are left out without a copy.
    if (wants_ != nullptr && !scanner_.escaped() && !Wants(text)) return Skip();
    std::string key;
    if (!TakeText(key)) return false;
    if (wants_ != nullptr && scanner_.escaped() && !Wants(key)) return Skip();
    const auto [at, inserted] = open_.back()->emplace(std::move(key), nullptr);
    key_ = at.key();
    slot_ = &*at;
    return inserted || Refuse("a key stands twice in one object");
  }

  [[nodiscard]] bool Wants(std::string_view key) const { return wants_(around_, key); }

  // Reads to the end of the value that comes next.
  bool Skip() {
    const std::size_t outside = scanner_.depth();
    do {
      const Token token = scanner_.Next();
      if (token == Token::kInvalid) return Refuse(scanner_.error());
      if (judges_ && !Judge(token)) return false;
    } while (scanner_.depth() > outside);
    return true;
  }

  // Whether a document could hold what is left out.
  bool Judge(Token token) {
    switch (token) {
      case Token::kBeginObject:
        keys_.Open();
        return true;
      case Token::kEndObject:
        keys_.Close();
        return true;
      case Token::kKey:
        return (!scanner_.escaped() && keys_.Add(scanner_.text())) ||
               Refuse("a key with an escape, or twice");
      case Token::kString: {
        std::string value;
        return !scanner_.escaped() || TakeText(value);
      }
      case Token::kNumber: {
        Json value;
        return ReadNumber(scanner_.text(), value);
      }
      default:
        return true;
    }
  }

  bool TakeText(std::string& value) {
    if (!scanner_.escaped()) {
      value = scanner_.text();
      return true;
    }
    bool lone_surrogate = false;
    value = DecodeJsonString(scanner_.text(), &lone_surrogate);
    if (lone_surrogate) return Refuse("a string holds half of a surrogate pair");
    return value.find('\0') == std::string::npos || Refuse("a string holds a NUL character");
  }

  bool TakeNumber(std::string_view text) {
    Json value;
    return ReadNumber(text, value) && Place(std::move(value)) != nullptr;
  }

  bool ReadNumber(std::string_view text, Json& number) {
    const char* end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t value = 0;
      if (std::from_chars(text.data(), end, value).ec != std::errc())
        return Refuse("an integer is beyond 64 bits");
      number = value;
      return true;
    }
    double value = 0;
    if (std::from_chars(text.data(), end, value).ec != std::errc() || !std::isfinite(value)) {
      return Refuse("a number is beyond a double");
    }
    number = value;
    return true;
  }

  bool Refuse(std::string_view why) {
    fault_ = why;
    return false;
  }

  JsonScanner scanner_;
  MemberFilter wants_;
  bool judges_;
  OpenKeys keys_;  // only where what is left out is judged
  Json root_;
  std::vector<Json*> open_;
  std::vector<std::string_view> around_;  // the keys of those that are open
  std::string_view key_;                  // the last one placed
  Json* slot_ = nullptr;
  std::string_view fault_;  // of static texts
};

// Finds a key that stands twice in one object, of all objects of a text. For one text after the other.
class KeySet {
 public:
  static constexpr std::size_t kMaxKeys = 4095;

  // Forgets all keys: no more than `most` will come.
  void Begin(std::size_t most) {
    BILLHOOK_CHECK(most <= kMaxKeys);
    shift_ = 63 - std::bit_width(most);  // half of the places, at least, stay free
    if (++text_ > kTextBits) {
      places_.assign(kPlaces, 0);
      text_ = 1;
    }
  }

  // False if that object has it already; now and then also if not. Eight bytes from any of the key's on can
  // be read.
  bool Add(std::size_t object, std::string_view key) {
    const std::uint64_t hash = (Hash(object, key) & ~kTextBits) | text_;
    const std::size_t last = (std::size_t{1} << (64 - shift_)) - 1;
    std::size_t at = hash >> shift_;
    for (; (places_[at] & kTextBits) == text_; at = (at + 1) & last) {
      if (places_[at] == hash) return false;
    }
    places_[at] = hash;
    return true;
  }

 private:
  static std::uint64_t Hash(std::size_t object, std::string_view key) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = (object << 32 | key.size()) * kOdd;
    const char* bytes = key.data();
    const auto word = [&bytes] {
      std::uint64_t value;
      std::memcpy(&value, bytes, sizeof value);
      if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
      return value;
    };
    std::size_t left = key.size();
    for (; left > 8; left -= 8, bytes += 8) hash = std::rotl((hash ^ word()) * kOdd, 32);
    const std::uint64_t last = left == 0 ? 0 : word() << (64 - 8 * left);
    hash = (hash ^ last) * kOdd;
    return (hash ^ hash >> 32) * kOdd;
  }

  // A place bears the hash of a key, and in these bits whose text's it is: what is left of others counts as
  // free.
  static constexpr std::uint64_t kTextBits = 0xffff;
  static constexpr std::size_t kPlaces = 2 * (kMaxKeys + 1);
  static_assert(std::has_single_bit(kPlaces));
  std::vector<std::uint64_t> places_ = std::vector<std::uint64_t>(kPlaces);
  std::uint64_t text_ = 0;
  int shift_ = 0;  // leaves those bits of a hash that say where to look first
};

// Builds the document from simdjson's tape, which is no deeper than JsonTape::kMaxDepth.
class TapeReader {
 public:
  TapeReader(MemberFilter wants, KeySet& keys) : wants_(wants), keys_(keys) {}

  // False where the scanner has to judge.
  bool Build(const TapeValue& value, Json& built) {
    switch (value.kind()) {
      case Kind::kObject:
        built = Json::object();
        return BuildObject(value, built.get_ref<Json::object_t&>());
      case Kind::kArray:
        built = Json::array();
        return BuildArray(value, built.get_ref<Json::array_t&>());
      case Kind::kString:
        built = std::string(value.text());
        return true;
      case Kind::kInteger:
        built = value.integer();
        return true;
      case Kind::kDouble:
        built = value.number();
        return value.number() != 0;
      case Kind::kTrue:
        built = true;
        return true;
      case Kind::kFalse:
        built = false;
        return true;
      case Kind::kNull:
        built = nullptr;
        return true;
      default:
        return false;
    }
  }

 private:
  using Kind = TapeValue::Kind;

  bool BuildObject(const TapeValue& object, Json::object_t& built) {
    const std::size_t number = objects_++;
    if (around_.empty()) around_.emplace_back();
    auto hint = built.end();
    for (TapeValue key = object.Inside(); !key.IsEnd();) {
      const std::string_view name = key.text();
      const TapeValue value = key.Next();
      if (!keys_.Add(number, name)) return false;
      if (wants_(around_, name)) {
        // Keys mostly stand in order.
        const auto member = built.emplace_hint(hint, name, nullptr);
        around_.push_back(name);
        if (!Build(value, member->second)) return false;
        around_.pop_back();
        hint = std::next(member);
      } else if (!Judge(value)) {
        return false;
      }
      key = value.Next();
    }
    return true;
  }

  bool BuildArray(const TapeValue& array, Json::array_t& built) {
    around_.push_back(around_.back());
    for (TapeValue element = array.Inside(); !element.IsEnd(); element = element.Next()) {
      if (!Build(element, built.emplace_back())) return false;
    }
    around_.pop_back();
    return true;
  }

  // Whether a document could hold what is left out.
  bool Judge(const TapeValue& value) {
    switch (value.kind()) {
      case Kind::kObject: {
        const std::size_t number = objects_++;
        for (TapeValue key = value.Inside(); !key.IsEnd();) {
          const TapeValue member = key.Next();
          if (!keys_.Add(number, key.text()) || !Judge(member)) return false;
          key = member.Next();
        }
        return true;
      }
      case Kind::kArray:
        for (TapeValue element = value.Inside(); !element.IsEnd(); element = element.Next()) {
          if (!Judge(element)) return false;
        }
        return true;
      case Kind::kDouble:
        return value.number() != 0;  // it may be none, but too small for one
      default:
        return value.kind() != Kind::kBeyond;
    }
  }

  MemberFilter wants_;
  KeySet& keys_;
  std::size_t objects_ = 0;
  std::vector<std::string_view> around_;
};

std::optional<Json> ReadPlain(std::string_view text, MemberFilter wants) {
  const std::optional<JsonTape> tape = JsonTape::Of(text);
  if (!tape || tape->has_nul() || tape->size() / 2 > KeySet::kMaxKeys) return std::nullopt;
  thread_local KeySet keys;
  keys.Begin(tape->size() / 2);
  Json document;
  if (!TapeReader(wants, keys).Build(tape->root(), document)) return std::nullopt;
  return document;
}

}  // namespace

Result<Json, std::string> ParseJson(std::string_view text) {
  return DocumentBuilder(text, nullptr, LeftOut::kOnlyScanned).Build();
}

Result<Json, std::string> ParseJson(std::string_view text, MemberFilter wants) {
  return DocumentBuilder(text, wants, LeftOut::kOnlyScanned).Build();
}

std::optional<Json> ParseFaultlessJson(std::string_view text, MemberFilter wants) {
  if (std::optional<Json> plain = ReadPlain(text, wants)) return plain;
  Result<Json, std::string> document = DocumentBuilder(text, wants, LeftOut::kJudged).Build();
  if (!document) return std::nullopt;
  return *std::move(document);
}

}  // namespace billhook
