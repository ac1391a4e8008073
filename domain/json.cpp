#include "domain/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <vector>

#include "domain/json_scanner.h"

namespace billhook {
namespace {

using Token = JsonScanner::Token;

// The keys of the objects that are open, to find one that stands twice.
class OpenKeys {
 public:
  void Open() { begins_.push_back(keys_.size()); }
  void Close() {
    keys_.resize(begins_.back());
    hashes_.resize(begins_.back());
    begins_.pop_back();
  }
  // False if the innermost object has it already.
  bool Add(std::string_view key) {
    const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(key));
    const auto begin = static_cast<std::ptrdiff_t>(begins_.back());
    const bool maybe = std::count(hashes_.begin() + begin, hashes_.end(), hash) > 0;
    if (maybe && std::find(keys_.begin() + begin, keys_.end(), key) != keys_.end()) return false;
    keys_.push_back(key);
    hashes_.push_back(hash);
    return true;
  }

 private:
  std::vector<std::string_view> keys_;
  std::vector<std::uint32_t> hashes_;  // of the keys: quick to look through
  std::vector<std::size_t> begins_;    // where the keys of each object begin
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
        parents_.pop_back();
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
    open_.push_back(Place(std::move(container)));
    parents_.push_back(key_);
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
    key_ = text;
    const auto [at, inserted] = open_.back()->emplace(std::move(key), nullptr);
    slot_ = &*at;
    return inserted || Refuse("a key stands twice in one object");
  }

  [[nodiscard]] bool Wants(std::string_view key) const {
    return wants_(scanner_.depth(), parents_.back(), key);
  }

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
  std::vector<std::string_view> parents_;  // of each that is open, the last key around it
  std::string_view key_;
  Json* slot_ = nullptr;
  std::string_view fault_;  // of static texts
};

}  // namespace

Result<Json, std::string> ParseJson(std::string_view text) {
  return DocumentBuilder(text, nullptr, LeftOut::kOnlyScanned).Build();
}

Result<Json, std::string> ParseJson(std::string_view text, MemberFilter wants) {
  return DocumentBuilder(text, wants, LeftOut::kOnlyScanned).Build();
}

std::optional<Json> ParseFaultlessJson(std::string_view text, MemberFilter wants) {
  Result<Json, std::string> document = DocumentBuilder(text, wants, LeftOut::kJudged).Build();
  if (!document) return std::nullopt;
  return *std::move(document);
}

}  // namespace billhook
