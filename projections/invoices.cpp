#include "projections/invoices.h"

#include "domain/check.h"
#include "domain/stripe/envelope.h"
#include "domain/stripe/invoice.h"
#include "projections/body_json.h"
#include "projections/newest_object.h"

namespace billhook {

const Table Invoices::kTable = NewestObjectTable("invoices", {{"customer"}, {"subscription"}, {"status"}});

namespace {

bool Reads(std::string_view event_type) {
  return event_type.starts_with("invoice.") && event_type != "invoice.upcoming";
}

Result<ObjectSighting, std::string> Judge(const Json& object) {
  const Result<stripe::Invoice, std::string> decoded = stripe::DecodeInvoice(object);
  if (!decoded) return Unexpected(decoded.error());
  return ObjectSighting{decoded->id};
}

// The invoice as callers see it.
std::string BodyText(const stripe::Invoice& invoice, const stripe::EventBody& newest, bool deleted) {
  return OrderedJson({{"id", invoice.id},
                      {"number", OrNull(invoice.number)},
                      {"status", OrNull(invoice.status)},
                      {"customer", OrNull(invoice.customer)},
                      {"subscription", OrNull(invoice.subscription)},
                      {"livemode", newest.livemode},
                      {"account", AccountOrNull(newest.account)},
                      {"currency", invoice.currency},
                      {"amount_due", invoice.amount_due},
                      {"amount_paid", invoice.amount_paid},
                      {"amount_remaining", invoice.amount_remaining},
                      {"subtotal", invoice.subtotal},
                      {"total", invoice.total},
                      {"attempt_count", invoice.attempt_count},
                      {"next_payment_attempt", TimeOrNull(invoice.next_payment_attempt)},
                      {"due_date", TimeOrNull(invoice.due_date)},
                      {"paid_at", TimeOrNull(invoice.paid_at)},
                      {"created_at", TimeOrNull(invoice.created_s)},
                      {"period_start", TimeOrNull(invoice.period_start)},
                      {"period_end", TimeOrNull(invoice.period_end)},
                      {"billing_reason", OrNull(invoice.billing_reason)},
                      {"collection_method", OrNull(invoice.collection_method)},
                      {"paid_out_of_band", invoice.paid_out_of_band},
                      {"payment_intent", OrNull(invoice.payment_intent)},
                      {"charge", OrNull(invoice.charge)},
                      {"deleted", deleted},
                      {"updated_by", newest.id},
                      {"updated_at", TimeOrNull(newest.moment.created_s)}})
      .dump();
}

// A column that a filter looks into through an index, which takes no text of any length.
Cell Indexed(const std::optional<std::string>& text) {
  return text && stripe::IsIdentifier(*text) ? Cell(*text) : Cell();
}

ObjectRow RowOf(const stripe::EventBody& newest, bool deleted) {
  const Result<stripe::Invoice, std::string> invoice = stripe::DecodeInvoice(newest.object);
  BILLHOOK_CHECK(invoice.has_value());  // unusable events are never taken in
  return {invoice->id,
          {Indexed(invoice->customer), Indexed(invoice->subscription), Indexed(invoice->status)},
          BodyText(*invoice, newest, deleted)};
}

}  // namespace

Changes Invoices::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  static const ObjectModel kModel = {kTable, "invoice", &Reads, &Judge, &RowOf};
  return ApplyNewest(kModel, batch, read_model);
}

}  // namespace billhook
