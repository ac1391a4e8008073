// What the writing routes share: reading a JSON body with all its faults told at once, and answering for
// what could not be recorded. One thread for each reader.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"
#include "domain/time.h"
#include "service/bus/refusal.h"
#include "service/http/api.h"
#include "service/http/problem.h"
#include "service/ingest/group_commit.h"

namespace billhook::http {

// The body as a JSON object, or the refusal: 415 for an encoded body, 400 for what is no JSON, 422 for JSON
// that readers would understand differently (a repeated key, an integer beyond 64 bits ...), 503 while the
// documents of others leave no room for it (DocumentSpace). It takes its room until the call is answered:
// move out of it what is to stay.
Result<Json, Response> ReadJsonObject(Call& call);

// For routes that take no body, or an empty object: the refusal of any other.
std::optional<Response> RefuseBody(Call& call);

// Reads the members of one object. Each fault is noted with its JSON pointer, up to kMaxInputFaults, and the
// member then counts as absent.
class ObjectReader {
 public:
  // `pointer` leads to the object; `errors` must outlive the reader.
  ObjectReader(const Json& object, std::string pointer, std::vector<InputError>& errors)
      : object_(object), pointer_(std::move(pointer)), errors_(errors) {}

  // Notes every member that is not among these.
  void RefuseUnknown(std::initializer_list<std::string_view> known);

  // 1 to 255 characters without control characters.
  std::optional<std::string> Identifier(const std::string& key, bool needed);
  std::optional<std::int64_t> Integer(const std::string& key, std::int64_t least);
  std::optional<UnixMicros> Time(const std::string& key);
  std::optional<bool> Boolean(const std::string& key);
  const Json* Object(const std::string& key, bool needed);

  [[nodiscard]] bool Has(const std::string& key) const { return object_.contains(key); }
  void Fault(const std::string& key, std::string detail);

 private:
  const Json* Find(const std::string& key, bool needed);

  const Json& object_;
  std::string pointer_;
  std::vector<InputError>& errors_;
};

// The key as one step of a JSON pointer (RFC 6901).
std::string PointerStep(std::string_view key);

// The header Idempotency-Key; 422 unless it stands at most once and is 1 to 255 visible ASCII characters.
Result<std::optional<std::string>, Response> IdempotencyKeyOf(const Request& request);

// What a command or query is refused with.
Response RefusalResponse(const Refusal& refusal);

// 503 or 500 for a request that may be sent again.
Response NotRecorded(ingest::Refusal refusal);

}  // namespace billhook::http
