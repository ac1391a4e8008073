#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {
namespace {

void WriteBalanceTransaction(JsonWriter& json, const BalanceTransaction& transaction) {
  json.Begin();
  json.Field("id", transaction.id);
  json.Field("object", "balance_transaction");
  json.Field("amount", transaction.amount);
  json.Field("available_on", transaction.created + 2 * 86'400);
  json.Field("created", transaction.created);
  json.Field("currency", transaction.currency);
  json.Field("description", transaction.description);
  if (transaction.exchange_rate.empty()) {
    json.Nulls("exchange_rate");
  } else {
    json.Literal("exchange_rate", transaction.exchange_rate);
  }
  json.Field("fee", transaction.fee);
  json.BeginList("fee_details");
  if (transaction.fee != 0) {
    json.Begin();
    json.Field("amount", transaction.fee);
    json.Nulls("application");
    json.Field("currency", transaction.currency);
    json.Field("description", "Dispute fee");
    json.Field("type", "stripe_fee");
    json.End();
  }
  json.EndList();
  json.Field("net", transaction.amount - transaction.fee);
  json.Field("reporting_category", transaction.amount < 0 ? "dispute" : "dispute_reversal");
  json.Field("source", transaction.source);
  json.Field("status", "pending");
  json.Field("type", "adjustment");
  json.End();
}

void WriteBalanceTransactions(JsonWriter& json, const Dispute& dispute) {
  json.BeginList("balance_transactions");
  for (const BalanceTransaction& transaction : dispute.balance_transactions) {
    WriteBalanceTransaction(json, transaction);
  }
  json.EndList();
}

bool IsRefundable(const Dispute& dispute) {
  return dispute.status.starts_with("warning_");
}

}  // namespace

void Write(JsonWriter& json, const Refund& refund, const Rendering& rendering) {
  json.Begin();
  json.Field("id", refund.id);
  json.Field("object", "refund");
  json.Field("amount", refund.amount);
  json.Optional("balance_transaction", refund.balance_transaction);
  json.Field("charge", refund.charge);
  json.Field("created", refund.created);
  json.Field("currency", refund.currency);
  if (rendering.version > ApiVersion::k20221115) {
    json.Begin("destination_details");
    json.Begin("card");
    json.Field("reference_status", refund.status == "succeeded" ? "available" : "pending");
    json.Field("reference_type", "acquirer_reference_number");
    json.Field("type", "refund");
    json.End();
    json.Field("type", "card");
    json.End();
  }
  if (refund.status == "failed") {
    json.Optional("failure_balance_transaction", refund.failure_balance_transaction);
    json.Field("failure_reason", refund.failure_reason);
  }
  json.EmptyObject("metadata");
  json.Optional("payment_intent", refund.payment_intent);
  json.Optional("reason", refund.reason);
  json.Nulls("receipt_number", "source_transfer_reversal");
  json.Field("status", refund.status);
  json.Nulls("transfer_reversal");
  json.End();
}

void WriteChanges(JsonWriter& json, const Refund& before, const Refund& after, const Rendering&) {
  Changed(json, "balance_transaction", before.balance_transaction, after.balance_transaction);
  Changed(json, "status", before.status, after.status);
}

void Write(JsonWriter& json, const Dispute& dispute, const Rendering& rendering) {
  const bool modern = rendering.version > ApiVersion::k20221115;
  json.Begin();
  json.Field("id", dispute.id);
  json.Field("object", "dispute");
  json.Field("amount", dispute.amount);
  if (!modern) {
    json.Optional("balance_transaction",
                  dispute.balance_transactions.empty() ? "" : dispute.balance_transactions.front().id);
  }
  if (dispute.lists_transactions) WriteBalanceTransactions(json, dispute);
  json.Field("charge", dispute.charge);
  json.Field("created", dispute.created);
  json.Field("currency", dispute.currency);
  if (modern) json.EmptyList("enhanced_eligibility_types");
  json.Begin("evidence");
  json.Nulls("access_activity_log", "billing_address", "cancellation_policy",
             "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
             "customer_email_address");
  json.Field("customer_name", dispute.method->owner->name);
  json.Field("customer_purchase_ip", "192.0.2.10");
  json.Nulls("customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
             "duplicate_charge_id");
  json.Optional("product_description",
                dispute.submission_count > 0 ? "Seats of a web application, used daily." : "");
  json.Nulls("receipt", "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation",
             "service_date", "service_documentation", "shipping_address", "shipping_carrier", "shipping_date",
             "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
             "uncategorized_text");
  json.End();
  json.Begin("evidence_details");
  json.Field("due_by", dispute.due_by);
  json.Field("has_evidence", dispute.submission_count > 0);
  json.Field("past_due", false);
  json.Field("submission_count", dispute.submission_count);
  json.End();
  json.Field("is_charge_refundable", IsRefundable(dispute));
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  json.Optional("payment_intent", dispute.payment_intent);
  if (modern) {
    json.Begin("payment_method_details");
    json.Begin("card");
    json.Field("brand", dispute.method->brand);
    json.Field("case_type", IsRefundable(dispute) ? "inquiry" : "chargeback");
    json.Field("network_reason_code", "10.4");
    json.End();
    json.Field("type", "card");
    json.End();
  }
  json.Field("reason", dispute.reason);
  json.Field("status", dispute.status);
  json.End();
}

void WriteChanges(JsonWriter& json, const Dispute& before, const Dispute& after, const Rendering& rendering) {
  const bool modern = rendering.version > ApiVersion::k20221115;
  if (before.balance_transactions != after.balance_transactions) {
    if (!modern && before.balance_transactions.empty()) json.Nulls("balance_transaction");
    if (before.lists_transactions) WriteBalanceTransactions(json, before);
  }
  if (before.submission_count != after.submission_count) {
    json.Begin("evidence");
    json.Nulls("product_description");
    json.End();
    json.Begin("evidence_details");
    json.Field("has_evidence", before.submission_count > 0);
    json.Field("submission_count", before.submission_count);
    json.End();
  }
  Changed(json, "is_charge_refundable", IsRefundable(before), IsRefundable(after));
  Changed(json, "status", before.status, after.status);
}

void Write(JsonWriter& json, const Payout& payout, const Rendering& rendering) {
  json.Begin();
  json.Field("id", payout.id);
  json.Field("object", "payout");
  json.Field("amount", payout.amount);
  if (rendering.version > ApiVersion::k20221115) json.Nulls("application_fee", "application_fee_amount");
  json.Field("arrival_date", payout.arrival_date);
  json.Field("automatic", payout.automatic);
  json.Field("balance_transaction", payout.balance_transaction);
  json.Field("created", payout.created);
  json.Field("currency", payout.currency);
  json.Field("description", "STRIPE PAYOUT");
  json.Field("destination", payout.destination);
  json.Optional("failure_balance_transaction", payout.failure_balance_transaction);
  json.Optional("failure_code", payout.failure_code);
  json.Optional("failure_message", payout.failure_code.empty() ? "" : "The bank account has been closed.");
  json.Field("livemode", rendering.livemode);
  json.EmptyObject("metadata");
  json.Field("method", "standard");
  json.Nulls("original_payout");
  if (HasBasilShapes(rendering.version)) json.Nulls("payout_method");
  if (rendering.version > ApiVersion::k20221115) json.Field("reconciliation_status", "in_progress");
  json.Nulls("reversed_by");
  json.Field("source_type", "card");
  json.Nulls("statement_descriptor");
  json.Field("status", payout.status);
  if (HasBasilShapes(rendering.version)) json.Nulls("trace_id");
  json.Field("type", "bank_account");
  json.End();
}

void WriteChanges(JsonWriter& json, const Payout& before, const Payout& after, const Rendering&) {
  Changed(json, "failure_balance_transaction", before.failure_balance_transaction,
          after.failure_balance_transaction);
  Changed(json, "failure_code", before.failure_code, after.failure_code);
  Changed(json, "status", before.status, after.status);
}

}  // namespace billhook::simulate
