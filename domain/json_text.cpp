#include "domain/json_text.h"

#include "domain/check.h"
#include "domain/json_scanner.h"

namespace billhook {

std::vector<std::string_view> ValuesUnder(std::string_view text, std::string_view key, std::size_t depth) {
  using Token = JsonScanner::Token;
  std::vector<std::string_view> values;
  JsonScanner scanner(text);
  for (Token token = scanner.Next(); token != Token::kEnd; token = scanner.Next()) {
    BILLHOOK_CHECK(token != Token::kInvalid);
    if (token != Token::kKey || scanner.depth() != depth) continue;
    bool lone_surrogate = false;
    const bool wanted =
        scanner.escaped() ? DecodeJsonString(scanner.text(), &lone_surrogate) == key : scanner.text() == key;
    if (!wanted) continue;
    const std::size_t begin = text.find_first_not_of(" \t\r\n", scanner.offset());
    do {
      BILLHOOK_CHECK(scanner.Next() != Token::kInvalid);
    } while (scanner.depth() > depth);
    values.push_back(text.substr(begin, scanner.offset() - begin));
  }
  return values;
}

std::vector<std::string_view> ElementsOf(std::string_view array) {
  using Token = JsonScanner::Token;
  std::vector<std::string_view> elements;
  JsonScanner scanner(array);
  BILLHOOK_CHECK(scanner.Next() == Token::kBeginArray);
  std::size_t end = scanner.offset();
  while (true) {
    BILLHOOK_CHECK(scanner.Next() != Token::kInvalid);
    if (scanner.depth() == 0) return elements;
    if (scanner.depth() > 1) continue;
    const std::size_t begin = array.find_first_not_of(" \t\r\n,", end);
    end = scanner.offset();
    elements.push_back(array.substr(begin, end - begin));
  }
}

bool IsJson(std::string_view text) {
  JsonScanner scanner(text);
  while (true) {
    const JsonScanner::Token token = scanner.Next();
    if (token == JsonScanner::Token::kEnd) return true;
    if (token == JsonScanner::Token::kInvalid) return false;
  }
}

}  // namespace billhook
