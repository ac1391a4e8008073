// Writes each object as the JSON value that Stripe's API of one version shows, with whole field sets: Write()
// the object, WriteChanges() the members of `previous_attributes` (what `before` had where `after` differs;
// objects hold only what changed, arrays are whole). Pure and thread safe.
#pragma once

#include "domain/json_writer.h"
#include "service/simulate/api_version.h"
#include "service/simulate/objects.h"

namespace billhook::simulate {

struct Rendering {
  ApiVersion version = ApiVersion::k20260729Dahlia;
  bool livemode = true;
};

void Write(JsonWriter& json, const Customer& customer, const Rendering& rendering);
void Write(JsonWriter& json, const PaymentMethod& method, const Rendering& rendering);
void Write(JsonWriter& json, const SetupIntent& intent, const Rendering& rendering);
void Write(JsonWriter& json, const Product& product, const Rendering& rendering);
void Write(JsonWriter& json, const Price& price, const Rendering& rendering);
void Write(JsonWriter& json, const Subscription& subscription, const Rendering& rendering);
void Write(JsonWriter& json, const Invoice& invoice, const Rendering& rendering);
void Write(JsonWriter& json, const InvoiceItem& item, const Rendering& rendering);
void Write(JsonWriter& json, const InvoicePayment& payment, const Rendering& rendering);
void Write(JsonWriter& json, const PaymentIntent& intent, const Rendering& rendering);
void Write(JsonWriter& json, const Charge& charge, const Rendering& rendering);
void Write(JsonWriter& json, const Refund& refund, const Rendering& rendering);
void Write(JsonWriter& json, const Dispute& dispute, const Rendering& rendering);
void Write(JsonWriter& json, const Payout& payout, const Rendering& rendering);
void Write(JsonWriter& json, const CheckoutSession& session, const Rendering& rendering);

// The price in its older dress, a plan.
void WritePlan(JsonWriter& json, const Price& price, const Rendering& rendering);

// Members of an object already begun.
void WriteUnitAmountDecimal(JsonWriter& json, const Price& price);
void WriteAddress(JsonWriter& json, std::string_view key, const Person* person);

void WriteChanges(JsonWriter& json, const Customer& before, const Customer& after,
                  const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Product& before, const Product& after, const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Subscription& before, const Subscription& after,
                  const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Invoice& before, const Invoice& after, const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Charge& before, const Charge& after, const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Refund& before, const Refund& after, const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Dispute& before, const Dispute& after, const Rendering& rendering);
void WriteChanges(JsonWriter& json, const Payout& before, const Payout& after, const Rendering& rendering);

}  // namespace billhook::simulate
