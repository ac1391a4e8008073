#include "domain/stripe/brief_body.h"

#include <string_view>
#include <unordered_set>

namespace billhook::stripe {
namespace {

// What decoders look at, and small members that updates often tell the former value of: by these, events of
// one second are put in order.
const std::unordered_set<std::string_view> kMembers = {"address",
                                                       "amount",
                                                       "amount_captured",
                                                       "amount_due",
                                                       "amount_paid",
                                                       "amount_received",
                                                       "amount_refunded",
                                                       "amount_remaining",
                                                       "amount_requested",
                                                       "amount_total",
                                                       "attempt_count",
                                                       "attempted",
                                                       "auto_advance",
                                                       "balance",
                                                       "balance_transaction",
                                                       "balance_transactions",
                                                       "billing",
                                                       "billing_reason",
                                                       "cancel_at",
                                                       "cancel_at_period_end",
                                                       "canceled_at",
                                                       "cancellation_details",
                                                       "captured",
                                                       "charge",
                                                       "charges",
                                                       "closed",
                                                       "collection_method",
                                                       "created",
                                                       "currency",
                                                       "current_period_end",
                                                       "current_period_start",
                                                       "customer",
                                                       "date",
                                                       "default_payment_method",
                                                       "default_source",
                                                       "deleted",
                                                       "delinquent",
                                                       "description",
                                                       "discount",
                                                       "dispute",
                                                       "disputed",
                                                       "due_date",
                                                       "effective_at",
                                                       "email",
                                                       "ended_at",
                                                       "ending_balance",
                                                       "failure_balance_transaction",
                                                       "failure_code",
                                                       "forgiven",
                                                       "hosted_invoice_url",
                                                       "id",
                                                       "invoice",
                                                       "invoice_pdf",
                                                       "invoice_settings",
                                                       "is_charge_refundable",
                                                       "items",
                                                       "latest_charge",
                                                       "latest_invoice",
                                                       "livemode",
                                                       "metadata",
                                                       "name",
                                                       "next_payment_attempt",
                                                       "number",
                                                       "object",
                                                       "paid",
                                                       "paid_out_of_band",
                                                       "parent",
                                                       "pause_collection",
                                                       "payment",
                                                       "payment_intent",
                                                       "payment_status",
                                                       "payments",
                                                       "pending_update",
                                                       "period_end",
                                                       "period_start",
                                                       "phone",
                                                       "plan",
                                                       "quantity",
                                                       "receipt_url",
                                                       "start",
                                                       "start_date",
                                                       "status",
                                                       "status_transitions",
                                                       "subscription",
                                                       "subtotal",
                                                       "total",
                                                       "trial_end",
                                                       "trial_start",
                                                       "webhooks_delivered_at"};

bool Wants(std::size_t depth, std::string_view parent, std::string_view key) {
  switch (depth) {
    case 1:
      return key == "data" || key == "livemode" || key == "account";
    case 2:
      return parent != "data" || key == "object" || key == "previous_attributes";
    case 3:
      return parent != "object" || IsInBrief(key);
    default:
      return true;
  }
}

}  // namespace

bool IsInBrief(std::string_view member) {
  return kMembers.count(member) == 1;
}

std::optional<EventBody> ReadBriefBody(const RecordedEvent& recorded) {
  std::optional<Json> document = ParseFaultlessJson(recorded.event.payload, &Wants);
  if (!document) return std::nullopt;
  Result<EventBody, std::string> body = BodyFrom(recorded, *std::move(document), "");
  if (!body) return std::nullopt;
  body->brief = true;
  return *std::move(body);
}

}  // namespace billhook::stripe
