// Every upcaster and every decoder behind it. Input: which fixture (an object of some API version), which
// object it is taken for, how it is edited.
#include "domain/check.h"
#include "domain/stripe/checkout_session.h"
#include "domain/stripe/credit_note.h"
#include "domain/stripe/customer.h"
#include "domain/stripe/invoice.h"
#include "domain/stripe/money_object.h"
#include "domain/stripe/subscription.h"
#include "domain/stripe/upcast.h"
#include "tests/fuzz/edited_json.h"
#include "tests/support/fixtures.h"

using namespace billhook;  // NOLINT

namespace {

// The object that the overlay amounts to.
Json Whole(const stripe::Overlay& overlay) {
  Json whole = overlay.original();
  if (overlay.changes().is_object()) whole.update(overlay.changes());
  return whole;
}

// Whatever a decoder takes is in range, and it takes an old shape exactly as the newest that it stands for.
void Decode(const std::string& name, const Json& object, const Json& newest) {
  if (const std::optional<stripe::MoneyKind> kind = stripe::MoneyKindNamed(name)) {
    const auto old = stripe::DecodeMoneyObject(*kind, object);
    const auto renewed = stripe::DecodeMoneyObject(*kind, newest);
    BILLHOOK_CHECK(old.has_value() == renewed.has_value());
    if (!old) return;
    BILLHOOK_CHECK(old->id == renewed->id && old->amount == renewed->amount &&
                   old->captured == renewed->captured && old->refunded == renewed->refunded &&
                   old->status == renewed->status && old->currency == renewed->currency &&
                   old->charge == renewed->charge);
    BILLHOOK_CHECK(old->captured >= 0 && old->refunded >= 0);
  }
  if (name == "invoice")
    BILLHOOK_CHECK(stripe::DecodeInvoice(object).has_value() == stripe::DecodeInvoice(newest).has_value());
  if (name == "subscription") {
    const auto old = stripe::DecodeSubscription(object);
    const auto renewed = stripe::DecodeSubscription(newest);
    BILLHOOK_CHECK(old.has_value() == renewed.has_value());
    if (old) BILLHOOK_CHECK(old->mrr == renewed->mrr && old->items.size() == renewed->items.size());
  }
  static_cast<void>(stripe::DecodeCustomer(object));
  static_cast<void>(stripe::DecodeCreditNote(object));
  static_cast<void>(stripe::DecodeCheckoutSession(object));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const std::vector<test::Fixture>& fixtures = test::AllFixtures();
  const test::Fixture& fixture = fixtures[input.ConsumeIntegral<std::uint8_t>() % fixtures.size()];
  const std::span<const stripe::Upcaster> upcasters = stripe::Upcasters();
  const auto choice = input.ConsumeIntegral<std::uint8_t>();
  const Json object = test::Edited(fixture.object(), input, 12);
  const std::string name = choice < 128 ? fixture.object().value("object", "charge")
                                        : std::string(upcasters[choice % upcasters.size()].object);

  const Json before = object;
  const stripe::Overlay overlay = stripe::Upcast(name, object);
  BILLHOOK_CHECK(object == before);
  for (const stripe::Upcaster& upcaster : upcasters) {
    if (upcaster.object == name) BILLHOOK_CHECK(!upcaster.is_old(overlay));
  }
  const Json newest = Whole(overlay);
  BILLHOOK_CHECK(stripe::Upcast(name, newest).changes().is_null());
  Decode(name, object, newest);
  return 0;
}
