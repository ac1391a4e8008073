#include "domain/json.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "domain/json_scanner.h"

namespace billhook {
namespace {

using Token = JsonScanner::Token;

// Builds the document token by token; recursion would let a caller choose our stack depth.
class DocumentBuilder {
 public:
  // `wants` may be nullptr: everything.
  DocumentBuilder(std::string_view text, MemberFilter wants) : scanner_(text), wants_(wants) {}

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
        return Open(Json::object());
      case Token::kBeginArray:
        return Open(Json::array());
      case Token::kEndObject:
      case Token::kEndArray:
        open_.pop_back();
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
    // A key with an escape is decoded first, below; most have none and are left out without a copy.
    if (wants_ != nullptr && !scanner_.escaped() && !wants_(scanner_.depth(), scanner_.text())) return Skip();
    std::string key;
    if (!TakeText(key)) return false;
    if (wants_ != nullptr && !wants_(scanner_.depth(), key)) return Skip();
    const auto [at, inserted] = open_.back()->emplace(std::move(key), nullptr);
    slot_ = &*at;
    return inserted || Refuse("a key stands twice in one object");
  }

  // Reads to the end of the value that comes next.
  bool Skip() {
    const std::size_t outside = scanner_.depth();
    do {
      if (scanner_.Next() == Token::kInvalid) return Refuse(scanner_.error());
    } while (scanner_.depth() > outside);
    return true;
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
    const char* end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t value = 0;
      if (std::from_chars(text.data(), end, value).ec != std::errc())
        return Refuse("an integer is beyond 64 bits");
      return Place(value) != nullptr;
    }
    double value = 0;
    if (std::from_chars(text.data(), end, value).ec != std::errc() || !std::isfinite(value)) {
      return Refuse("a number is beyond a double");
    }
    return Place(value) != nullptr;
  }

  bool Refuse(std::string_view why) {
    fault_ = why;
    return false;
  }

  JsonScanner scanner_;
  MemberFilter wants_;
  Json root_;
  std::vector<Json*> open_;
  Json* slot_ = nullptr;
  std::string_view fault_;  // of static texts
};

}  // namespace

Result<Json, std::string> ParseJson(std::string_view text) {
  return DocumentBuilder(text, nullptr).Build();
}

Result<Json, std::string> ParseJson(std::string_view text, MemberFilter wants) {
  return DocumentBuilder(text, wants).Build();
}

}  // namespace billhook
