#include "domain/sagas/dunning.h"

#include <algorithm>

#include "domain/access.h"
#include "domain/check.h"
#include "domain/command_fields.h"
#include "domain/stripe/brief_body.h"
#include "domain/stripe/envelope.h"
#include "domain/stripe/event_body.h"
#include "domain/stripe/invoice.h"

namespace billhook::sagas {
namespace {

constexpr const char* kName = "Dunning";
constexpr const char* kInvoice = "invoice";
constexpr const char* kSuspend = "suspend_access";
constexpr const char* kAwaitPayment = "await_payment";
constexpr const char* kRestore = "restore_access";

Json DataOf(const InvoiceNews& news) {
  return {{"invoice", news.invoice},
          {"subscription", news.subscription.value()},
          {"customer", news.customer ? Json(*news.customer) : Json()},
          {"livemode", news.livemode},
          {"account", news.account.empty() ? Json() : Json(news.account)},
          {"payment_failed_by", news.event_id},
          {"payment_failed_at", FormatRfc3339(news.occurred_at)}};
}

std::optional<DecidedEvent> AfterFailure(const Json& saga, const InvoiceNews& news, bool settled_before,
                                         UnixMicros grace, UnixMicros now) {
  const bool old = news.recorded_at / kMicrosPerSecond * kMicrosPerSecond - news.occurred_at > grace;
  if (!news.subscription || settled_before || old) return std::nullopt;
  const UnixMicros due_at = std::min(news.occurred_at + grace, kMaxUnixSeconds * kMicrosPerSecond);
  if (saga.is_null()) return Started(kName, DataOf(news), Status::kWaiting, due_at, now);
  // An earlier failure that comes later: the grace period has run since then.
  const std::optional<UnixMicros> before = DueAt(saga);
  if (!before || due_at >= *before) return std::nullopt;
  return Rescheduled(Status::kWaiting, due_at, now);
}

std::optional<DecidedEvent> AfterSettlement(const Json& saga, const InvoiceNews& news, UnixMicros now) {
  if (saga.is_null() || StatusOf(saga) != Status::kWaiting) return std::nullopt;
  return StepCompleted(kAwaitPayment, IsDone(saga, kSuspend) ? Status::kRunning : Status::kCompleted, now,
                       {{"event_type", news.event_type}, {"event_id", news.event_id}});
}

std::optional<Step> Next(const Json& saga, UnixMicros now) {
  const Status status = StatusOf(saga);
  const bool over = status == Status::kWaiting && DueAt(saga).value_or(now + 1) <= now;
  if (!over && status != Status::kRunning) return std::nullopt;
  return Step{over ? kSuspend : kRestore, std::string(access::kAggregateType),
              saga.at("data").at("subscription").get<std::string>()};
}

Progress Take(const Json& saga, const Step& step, const Json& state, UnixMicros now) {
  const Json& data = saga.at("data");
  if (step.name == kSuspend)
    return {access::DecideSuspend(state, data), StepCompleted(kSuspend, Status::kWaiting, now)};
  return {access::DecideRelease(state, data), StepCompleted(kRestore, Status::kCompleted, now)};
}

}  // namespace

const SagaType kDunning = {kName, nullptr, &Next, &Take};

std::string_view PaymentFailedType() {
  return "invoice.payment_failed";
}

const std::vector<std::string_view>& SettledTypes() {
  static const std::vector<std::string_view> kTypes = {"invoice.paid", "invoice.payment_succeeded",
                                                       "invoice.voided", "invoice.deleted"};
  return kTypes;
}

std::optional<InvoiceNews> ReadInvoiceNews(const RecordedEvent& recorded) {
  const Event& event = recorded.event;
  const std::vector<std::string_view>& settled = SettledTypes();
  InvoiceNews news;
  news.settled = std::find(settled.begin(), settled.end(), event.event_type) != settled.end();
  if (event.source != Source::kStripe || (!news.settled && event.event_type != PaymentFailedType()))
    return std::nullopt;
  std::optional<stripe::EventBody> body = stripe::ReadBriefBody(recorded);
  // What is wrong with another part of the event is of no interest here.
  if (!body || body->object.at("object") != kInvoice) {
    Result<stripe::EventBody, std::string> whole = stripe::ReadEventBody(recorded, kInvoice);
    if (!whole) return std::nullopt;
    body = *std::move(whole);
  }
  news.tenant = event.tenant;
  news.invoice = TextIn(body->object, "id").value_or("");
  news.livemode = body->livemode;
  news.account = body->account;
  news.event_id = body->id;
  news.event_type = event.event_type;
  news.occurred_at = event.occurred_at;
  news.recorded_at = recorded.recorded_at;
  if (!stripe::IsIdentifier(news.invoice)) return std::nullopt;
  if (news.settled) return news;
  const Result<stripe::Invoice, std::string> invoice = stripe::DecodeInvoice(body->object);
  if (!invoice) return std::nullopt;
  news.subscription = invoice->subscription;
  news.customer = invoice->customer;
  if (news.subscription && !stripe::IsIdentifier(*news.subscription)) return std::nullopt;
  return news;
}

bool SameInvoice(const InvoiceNews& a, const InvoiceNews& b) {
  return a.tenant == b.tenant && a.invoice == b.invoice && a.livemode == b.livemode && a.account == b.account;
}

std::string DunningIdOf(const InvoiceNews& news) {
  return DerivedId({kName, news.tenant, news.livemode ? "live" : "test", news.account, news.invoice});
}

std::optional<DecidedEvent> React(const Json& saga, const InvoiceNews& news, bool settled_before,
                                  UnixMicros grace, UnixMicros now) {
  return news.settled ? AfterSettlement(saga, news, now)
                      : AfterFailure(saga, news, settled_before, grace, now);
}

}  // namespace billhook::sagas
