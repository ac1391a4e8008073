// POST /webhooks/stripe[/{tenant}]: bytes are verified, recorded unchanged, and answered once that is
// durable.
#include <nlohmann/json.hpp>

#include "domain/stripe/envelope.h"
#include "domain/stripe/fields.h"
#include "domain/stripe/signature.h"
#include "service/http/routes/routes.h"
#include "service/http/routes/writing.h"
#include "service/ingest/stripe_append.h"

namespace billhook::http {
namespace {

using Outcome = Metrics::WebhookOutcome;

constexpr std::string_view kPath = "/webhooks/stripe";
constexpr const char* kSignatureHeader = "Stripe-Signature";

Response Received(const std::string& event_id, bool duplicate, std::int64_t position) {
  Response response;
  response.body = R"({"received":true,"duplicate":)" + std::string(duplicate ? "true" : "false") +
                  R"(,"event_id":)" + nlohmann::json(event_id).dump() + R"(,"position":)" +
                  std::to_string(position) + "}";
  response.headers.emplace_back("X-Position", std::to_string(position));
  return response;
}

// All Content-Encoding headers in one.
std::string Encodings(const Request& request) {
  std::string all;
  for (const auto& [name, value] : request.headers) {
    if (stripe::LowerCase(name) == "content-encoding") all.append(all.empty() ? "" : ",").append(value);
  }
  return all;
}

using Appended = ingest::GroupCommit::Outcome;

Response Answer(const Appended& appended, const std::string& event_id, Metrics& metrics) {
  if (!appended) {
    metrics.CountWebhook(Outcome::kError);
    return NotRecorded(appended.error());  // Stripe sends again what is answered 503: no event is lost
  }
  if (const auto* recorded = std::get_if<Recorded>(&*appended)) {
    metrics.CountWebhook(Outcome::kRecorded);
    return Received(event_id, false, recorded->positions.front());
  }
  metrics.CountWebhook(Outcome::kDuplicate);
  return Received(event_id, true, std::get<Duplicate>(*appended).position);
}

Reply Receive(Call& call, Services& services, const std::string& tenant) {
  const auto rejected = [&services](Response response) {
    services.metrics.CountWebhook(Outcome::kRejected);
    return response;
  };
  const auto secrets = services.config.webhook_secrets.find(tenant);
  if (secrets == services.config.webhook_secrets.end()) {
    return rejected(Problem(404, "tenant_unknown", "No signing secret is configured for this tenant."));
  }
  const std::string encoding = stripe::LowerCase(Encodings(call.request));
  if (!encoding.empty() && encoding != "identity") {
    return rejected(Problem(415, "content_encoding_unsupported",
                            "Send the body as it was signed, without Content-Encoding."));
  }
  const std::string* signature = call.request.Header(kSignatureHeader);
  const auto faulty = [&](stripe::SignatureFault fault) {
    return rejected(Problem(400, stripe::CodeOf(fault), stripe::DetailOf(fault)));
  };
  if (call.request.HeaderCount(kSignatureHeader) > 1) return faulty(stripe::SignatureFault::kMalformed);
  const Result<std::int64_t, stripe::SignatureFault> verified =
      stripe::VerifySignature(signature == nullptr ? "" : *signature, call.request.body, secrets->second,
                              services.clock() / kMicrosPerSecond, services.config.webhook_tolerance_s);
  if (!verified) return faulty(verified.error());
  Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(call.request.body);
  if (!envelope) return rejected(Problem(400, "payload_invalid", envelope.error()));

  const std::string event_id = envelope->id;
  AppendRequest append = {
      ingest::StripeAppend(*std::move(envelope), call.request.body, tenant, services.clock())};
  const auto outcome = std::make_shared<std::optional<Appended>>();
  return Pending{[&services, append = std::move(append), outcome](std::function<void()> ready) mutable {
                   services.group_commit.AppendLater(std::move(append),
                                                     [outcome, ready = std::move(ready)](Appended appended) {
                                                       *outcome = std::move(appended);
                                                       ready();
                                                     });
                 },
                 [&services, event_id, outcome] { return Answer(**outcome, event_id, services.metrics); }};
}

}  // namespace

bool IsWebhook(std::string_view path) {
  return path.starts_with(kPath) && (path.size() == kPath.size() || path[kPath.size()] == '/');
}

void CountRefused(const Request& request, const Response& refusal, Metrics& metrics) {
  if (IsWebhook(request.path))
    metrics.CountWebhook(refusal.status < 500 ? Outcome::kRejected : Outcome::kError);
}

void AddWebhookRoutes(Api& api, Services& services) {
  const auto receive = [&services](Call& call, const std::string& tenant) {
    try {
      return Receive(call, services, tenant);
    } catch (...) {
      services.metrics.CountWebhook(Outcome::kError);
      throw;
    }
  };
  api.Add({"POST", std::string(kPath), std::nullopt, {}, [receive](Call& call) {
             return receive(call, "default");
           }});
  api.Add({"POST", std::string(kPath) + "/{tenant}", std::nullopt, {}, [receive](Call& call) {
             return receive(call, call.path_parameters[0]);
           }});
}

}  // namespace billhook::http
