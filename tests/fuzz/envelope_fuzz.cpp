// The envelope reader, and beneath it the JSON scanner and the document parser, held against nlohmann::json;
// what is read of a plain text, against the strict scanner. Input: a webhook's body.
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

// A text that is plain to simdjson is read as the strict scanner reads it. With a blank before it, none is
// plain.
void CheckQuickReading(std::string_view text, bool has_document) {
  const std::string not_plain = " " + std::string(text);
  const Result<stripe::Envelope, std::string> quick = stripe::ReadEnvelope(text);
  const Result<stripe::Envelope, std::string> strict = stripe::ReadEnvelope(not_plain);
  BILLHOOK_CHECK(quick.has_value() == strict.has_value());
  if (quick) {
    BILLHOOK_CHECK(
        quick->id == strict->id && quick->type == strict->type && quick->occurred_at == strict->occurred_at &&
        quick->aggregate_type == strict->aggregate_type && quick->aggregate_id == strict->aggregate_id);
  } else {
    BILLHOOK_CHECK(quick.error() == strict.error());
  }

  const MemberFilter some = [](std::span<const std::string_view> around, std::string_view key) {
    return around.size() < 3 || key.size() % 2 == 0;
  };
  const std::optional<Json> faultless = ParseFaultlessJson(text, some);
  const std::optional<Json> judged = ParseFaultlessJson(not_plain, some);
  BILLHOOK_CHECK(has_document || !faultless);
  // An escape in a key is left to ParseJson where a text is not plain.
  const bool may_differ = text.find('\\') != std::string_view::npos;
  BILLHOOK_CHECK(faultless.has_value() == has_document || may_differ);
  BILLHOOK_CHECK(faultless.has_value() || !judged);
  if (faultless) BILLHOOK_CHECK(*faultless == ParseJson(text, some).value());
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
  const MemberFilter nobody = [](std::span<const std::string_view>, std::string_view) { return false; };
  const Result<Json, std::string> none = ParseJson(body, nobody);
  BILLHOOK_CHECK(!document || none.has_value());

  CheckQuickReading(body, document.has_value());
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
