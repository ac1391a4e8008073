#include "service/http/routes/writing.h"

#include <algorithm>

#include "domain/json_text.h"
#include "domain/stripe/envelope.h"
#include "domain/stripe/fields.h"

namespace billhook::http {
namespace {

constexpr const char* kKeyHeader = "Idempotency-Key";
constexpr std::size_t kMaxKeyBytes = 255;

}  // namespace

std::string PointerStep(std::string_view key) {
  std::string step = "/";
  for (char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

Result<Json, Response> ReadJsonObject(Call& call) {
  const Request& request = call.request;
  for (const auto& [name, value] : request.headers) {
    if (stripe::LowerCase(name) == "content-encoding" && stripe::LowerCase(value) != "identity") {
      return Unexpected(
          Problem(415, "content_encoding_unsupported", "Send the body without Content-Encoding."));
    }
  }
  call.document_part = call.document_space.Take(request.body);
  if (!call.document_part)
    return Unexpected(Unavailable("overloaded", "Too many large bodies are being read. Try again."));
  Result<Json, std::string> body = ParseJson(request.body);
  if (body && body->is_object()) return *std::move(body);
  if (!body && !IsJson(request.body))
    return Unexpected(Problem(400, "json_malformed", "The body is no JSON: " + body.error() + "."));
  return Unexpected(Problem(422, "body_invalid", "The body is invalid.",
                            {{"", body ? "Must be an object." : "Cannot be used: " + body.error() + "."}}));
}

std::optional<Response> RefuseBody(Call& call) {
  if (call.request.body.empty()) return std::nullopt;
  const Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  std::vector<InputError> errors;
  ObjectReader(*body, "", errors).RefuseUnknown({});
  if (errors.empty()) return std::nullopt;
  return Problem(422, "body_invalid", "The body is invalid.", errors);
}

void ObjectReader::Fault(const std::string& key, std::string detail) {
  if (!HoldsMostFaults(errors_)) errors_.push_back({pointer_ + PointerStep(key), std::move(detail)});
}

void ObjectReader::RefuseUnknown(std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object_.items()) {
    if (HoldsMostFaults(errors_)) return;
    if (std::find(known.begin(), known.end(), key) == known.end()) Fault(key, "Is not known here.");
  }
}

const Json* ObjectReader::Find(const std::string& key, bool needed) {
  const auto at = object_.find(key);
  if (at != object_.end()) return &*at;
  if (needed) Fault(key, "Is needed.");
  return nullptr;
}

std::optional<std::string> ObjectReader::Identifier(const std::string& key, bool needed) {
  const Json* value = Find(key, needed);
  if (value == nullptr) return std::nullopt;
  if (value->is_string() && stripe::IsIdentifier(value->get_ref<const std::string&>()))
    return value->get<std::string>();
  Fault(key, "Must be a string of 1 to 255 characters without control characters.");
  return std::nullopt;
}

std::optional<std::int64_t> ObjectReader::Integer(const std::string& key, std::int64_t least) {
  const Json* value = Find(key, false);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer() && value->get<std::int64_t>() >= least) return value->get<std::int64_t>();
  Fault(key, "Must be an integer of " + std::to_string(least) + " or more.");
  return std::nullopt;
}

std::optional<UnixMicros> ObjectReader::Time(const std::string& key) {
  const Json* value = Find(key, false);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    if (const auto at = ParseRfc3339(value->get_ref<const std::string&>())) return at;
  }
  Fault(key, "Must be a time as in RFC 3339, for example 2026-01-02T03:04:05Z.");
  return std::nullopt;
}

std::optional<bool> ObjectReader::Boolean(const std::string& key) {
  const Json* value = Find(key, false);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Fault(key, "Must be true or false.");
  return std::nullopt;
}

const Json* ObjectReader::Object(const std::string& key, bool needed) {
  const Json* value = Find(key, needed);
  if (value == nullptr || value->is_object()) return value;
  Fault(key, "Must be an object.");
  return nullptr;
}

Result<std::optional<std::string>, Response> IdempotencyKeyOf(const Request& request) {
  const std::string* key = request.Header(kKeyHeader);
  if (key == nullptr) return std::optional<std::string>();
  const auto visible = [](char c) { return c >= ' ' && c < 0x7f; };
  const bool usable = request.HeaderCount(kKeyHeader) == 1 && !key->empty() && key->size() <= kMaxKeyBytes &&
                      std::all_of(key->begin(), key->end(), visible);
  if (usable) return std::optional<std::string>(*key);
  return Unexpected(Problem(422, "idempotency_key_invalid",
                            "Idempotency-Key must stand once and be 1 to 255 visible ASCII characters."));
}

Response RefusalResponse(const Refusal& refusal) {
  if (refusal.status == 503) return Unavailable(refusal.code, refusal.detail);
  return Problem(refusal.status, refusal.code, refusal.detail, refusal.errors);
}

Response NotRecorded(ingest::Refusal refusal) {
  switch (refusal) {
    case ingest::Refusal::kQueueFull:
      return Unavailable("queue_full", "Too many events wait to be recorded. Send it again.");
    case ingest::Refusal::kStopping:
      return Unavailable("stopping", "The service is stopping. Send it again.");
    case ingest::Refusal::kUnavailable:
      return Unavailable("storage_unavailable", "The event could not be recorded. Send it again.");
    case ingest::Refusal::kInDoubt:
      return Unavailable("commit_in_doubt",
                         "The event may or may not have been recorded. Send it again: it is recorded once.");
    case ingest::Refusal::kRejected:
      break;
  }
  return Problem(500, "internal_error", "");
}

}  // namespace billhook::http
