#include "tests/fuzz/edited_json.h"

#include <string>

namespace billhook::test {
namespace {

constexpr std::size_t kMaxCopied = 4096;

// Members that decoders, upcasters and rules read.
const Json& Keys() {
  static const Json kKeys = Json::parse(R"([
    "account_id","adjustment_id","amount","amount_captured","amount_due","amount_paid","amount_received",
    "amount_refunded","application_fee","attempted","balance","balance_transaction","balance_transactions",
    "billing","captured","charge","charges","closed","collection_method","created","currency",
    "current_period_end","current_period_start","customer","data","date","deleted","fee","forgiven","id",
    "initial_balance","interval","interval_count","invoice","items","latest_charge","livemode","metadata",
    "object","owner","paid","paid_out_of_band","parent","payment","payment_id","payment_intent",
    "payment_record","payment_status","payments","plan","price","quantity","recurring","refund","refunds",
    "start","start_date","status","subscription","subscription_details","tiers","total","type","unit_amount",
    "unit_amount_decimal","usage_type"])");
  return kKeys;
}

// The numbers: the ends of int64, 2026-01-01 12:00 and a second later, the last second of RFC 3339 and the
// next.
const Json& Values() {
  static const Json kValues = [] {
    Json values = Json::parse(R"([
      null,true,false,0,1,-1,3,100,2500,9223372036854775807,9223372036854775806,-9223372036854775808,
      1767268800,1767268801,253402300799,253402300800,1.5,1e300,[],{},"","100","usd","EUR","jpy","u\u00e9",
      "ch_1","ch_2","pi_1","pi_2","re_1","dp_1","in_1","in_2","sub_1","cus_1","cus_2","txn_1","acct_1",
      "price_1","succeeded","failed","pending","paid","open","draft","void","uncollectible","canceled",
      "active","trialing","past_due","incomplete","requires_source","requires_capture","in_transit","lost",
      "won","warning_closed","needs_response","month","year","week","day","metered","payment_record","charge",
      "payment_intent","refund","dispute","payout","invoice","subscription","customer","list","send_invoice",
      "a\u001fb"])");
    values.push_back(std::string(255, 'a'));
    values.push_back(std::string(256, 'a'));
    return values;
  }();
  return kValues;
}

// A value somewhere in the document: the deeper, the rarer.
Json& Somewhere(Json& document, FuzzedDataProvider& input) {
  Json* at = &document;
  while (at->is_structured() && !at->empty()) {
    const auto step = input.ConsumeIntegral<std::uint8_t>();
    if (step >= 192 && at != &document) break;
    auto child = at->begin();
    std::advance(child, step % at->size());
    at = &*child;
  }
  return *at;
}

Json AnyValue(FuzzedDataProvider& input) {
  return Values()[input.ConsumeIntegral<std::uint8_t>() % Values().size()];
}

}  // namespace

Json Edited(Json document, FuzzedDataProvider& input, int max_edits) {
  const int edits = input.ConsumeIntegralInRange(0, max_edits);
  for (int i = 0; i < edits; ++i) {
    const std::string key = Keys()[input.ConsumeIntegral<std::uint8_t>() % Keys().size()];
    switch (input.ConsumeIntegralInRange(0, 4)) {
      case 0:
        document[key] = AnyValue(input);
        break;
      case 1:
        document.erase(key);
        break;
      case 2:
        Somewhere(document, input) = AnyValue(input);
        break;
      case 3: {
        Json copy = Somewhere(document, input);
        if (copy.dump().size() > kMaxCopied) break;  // copies of copies
        document[key] = std::move(copy);
        break;
      }
      default:
        if (Json& inner = Somewhere(document, input); inner.is_array()) {
          inner.push_back(AnyValue(input));
        } else {
          inner = Json{{key, AnyValue(input)}};
        }
    }
    if (!document.is_object()) document = Json::object();
  }
  return document;
}

}  // namespace billhook::test
