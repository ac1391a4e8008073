// The saga Dunning: one for each invoice of a subscription whose payment failed. It waits for the invoice to
// be settled (paid, voided or deleted; one marked uncollectible is still owed); where the grace period ends
// first, the step `suspend_access` suspends access to the subscription. Settlement is the step
// `await_payment`; after a suspension `restore_access` then gives access back, unless another invoice of the
// subscription holds it too. What follows from Stripe's events is the same whatever order they come in. Pure,
// thread safe.
#pragma once

#include "domain/event.h"
#include "domain/sagas/saga.h"

namespace billhook::sagas {

extern const SagaType kDunning;  // no caller starts it

// What a recorded Stripe event says of an invoice, as far as dunning goes.
struct InvoiceNews {
  bool settled = false;  // else: its payment failed
  std::string tenant;
  std::string invoice;
  bool livemode = false;
  std::string account;                      // Connect; empty for the platform's own
  std::optional<std::string> subscription;  // of a failure alone; nothing: it belongs to none
  std::optional<std::string> customer;
  std::string event_id;
  std::string event_type;
  UnixMicros occurred_at = 0;
  UnixMicros recorded_at = 0;
};

// The event types that ReadInvoiceNews understands.
std::string_view PaymentFailedType();
const std::vector<std::string_view>& SettledTypes();

// Nothing where the event is about something else or cannot be used.
std::optional<InvoiceNews> ReadInvoiceNews(const RecordedEvent& recorded);
// Whether both are about the same invoice.
bool SameInvoice(const InvoiceNews& a, const InvoiceNews& b);
// The ID of the invoice's saga.
std::string DunningIdOf(const InvoiceNews& news);

// What the news mean to the invoice's saga as it stands (null: there is none yet): the event to record, or
// nothing. `settled_before` says whether the log held the invoice's settlement before a failure was recorded.
// A failure that was older than the grace period when it was recorded starts nothing (in whole seconds, which
// is all that Stripe tells).
std::optional<DecidedEvent> React(const Json& saga, const InvoiceNews& news, bool settled_before,
                                  UnixMicros grace, UnixMicros now);

}  // namespace billhook::sagas
