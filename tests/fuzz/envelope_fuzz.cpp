// The envelope reader, and beneath it the JSON scanner and the document parser, held against nlohmann::json.
// Input: a webhook's body.
#include <charconv>
#include <cmath>

#include "domain/check.h"
#include "domain/json.h"
#include "domain/json_scanner.h"
#include "domain/json_text.h"
#include "domain/stripe/envelope.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT

namespace {

struct Scan {
  bool valid = false;
  bool too_deep = false;
  bool left_to_caller = false;  // what is JSON's grammar, but no document of nlohmann's
};

Scan ScanAll(std::string_view text) {
  JsonScanner scanner(text);
  Scan scan;
  std::size_t offset = 0;
  while (true) {
    const JsonScanner::Token token = scanner.Next();
    if (token == JsonScanner::Token::kEnd || token == JsonScanner::Token::kInvalid) {
      scan.valid = token == JsonScanner::Token::kEnd;
      scan.too_deep = scanner.error() == "the text is nested too deeply";
      return scan;
    }
    BILLHOOK_CHECK(scanner.offset() > offset && scanner.offset() <= text.size());
    offset = scanner.offset();
    if (token == JsonScanner::Token::kString || token == JsonScanner::Token::kKey) {
      static_cast<void>(DecodeJsonString(scanner.text(), &scan.left_to_caller));
    } else if (token == JsonScanner::Token::kNumber) {
      double value = 0;
      const std::string_view number = scanner.text();
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
      if (parsed.ec != std::errc() || !std::isfinite(value)) scan.left_to_caller = true;
    }
  }
}

// The texts of the outermost object's members, or array's elements, are what the document has there.
void CheckTexts(std::string_view text, const Json& document) {
  if (document.is_array()) {
    const std::vector<std::string_view> elements = ElementsOf(text);
    BILLHOOK_CHECK(elements.size() == document.size());
    for (std::size_t i = 0; i < elements.size(); ++i)
      BILLHOOK_CHECK(ParseJson(elements[i]).value() == document[i]);
  }
  if (!document.is_object()) return;
  for (const auto& [key, value] : document.items()) {
    const std::vector<std::string_view> values = ValuesUnder(text, key, 1);
    BILLHOOK_CHECK(values.size() == 1 && ParseJson(values.front()).value() == value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = test::AsText(data, size);
  const Scan scan = ScanAll(body);
  // nlohmann skips a byte order mark, and takes a NUL for the end of the text.
  const bool comparable = !body.starts_with("\xef\xbb\xbf") && body.find('\0') == std::string_view::npos;
  if (comparable && !scan.too_deep && !scan.left_to_caller)
    BILLHOOK_CHECK(scan.valid == nlohmann::json::accept(body));

  const Result<Json, std::string> document = ParseJson(body);
  BILLHOOK_CHECK(IsJson(body) == scan.valid && (scan.valid || !document));
  if (document) BILLHOOK_CHECK(*document == nlohmann::json::parse(body));
  if (document) CheckTexts(body, *document);
  const MemberFilter nobody = [](std::size_t, std::string_view, std::string_view) { return false; };
  const Result<Json, std::string> none = ParseJson(body, nobody);
  BILLHOOK_CHECK(!document || none.has_value());

  const Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
  if (!envelope) {
    BILLHOOK_CHECK(!envelope.error().empty());
    return 0;
  }
  BILLHOOK_CHECK(scan.valid);
  for (const std::string* text :
       {&envelope->id, &envelope->type, &envelope->aggregate_type, &envelope->aggregate_id})
    BILLHOOK_CHECK(stripe::IsIdentifier(*text));
  BILLHOOK_CHECK(envelope->occurred_at >= 0 && envelope->occurred_at / kMicrosPerSecond <= kMaxUnixSeconds);
  if (!document) return 0;
  BILLHOOK_CHECK(document->at("id") == envelope->id && document->at("type") == envelope->type);
  if (document->at("created").is_number())
    BILLHOOK_CHECK(document->at("created").get<std::int64_t>() == envelope->occurred_at / kMicrosPerSecond);
  return 0;
}
