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
  JsonWriter body;
  body.Begin();
  body.Field("id", invoice.id);
  body.Field("number", invoice.number);
  body.Field("status", invoice.status);
  body.Field("customer", invoice.customer);
  body.Field("subscription", invoice.subscription);
  body.Field("livemode", newest.livemode);
  AccountField(body, newest.account);
  body.Field("currency", invoice.currency);
  body.Field("amount_due", invoice.amount_due);
  body.Field("amount_paid", invoice.amount_paid);
  body.Field("amount_remaining", invoice.amount_remaining);
  body.Field("subtotal", invoice.subtotal);
  body.Field("total", invoice.total);
  body.Field("attempt_count", invoice.attempt_count);
  TimeField(body, "next_payment_attempt", invoice.next_payment_attempt);
  TimeField(body, "due_date", invoice.due_date);
  TimeField(body, "paid_at", invoice.paid_at);
  TimeField(body, "created_at", invoice.created_s);
  TimeField(body, "period_start", invoice.period_start);
  TimeField(body, "period_end", invoice.period_end);
  body.Field("billing_reason", invoice.billing_reason);
  body.Field("collection_method", invoice.collection_method);
  body.Field("paid_out_of_band", invoice.paid_out_of_band);
  body.Field("payment_intent", invoice.payment_intent);
  body.Field("charge", invoice.charge);
  body.Field("deleted", deleted);
  body.Field("updated_by", newest.id);
  TimeField(body, "updated_at", newest.moment.created_s);
  body.End();
  return body.TakeText();
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
