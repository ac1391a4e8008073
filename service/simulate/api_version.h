// The Stripe API versions that the simulation speaks, in order of age, and the questions about their shapes
// that its renderers ask. Source of the moves: docs.stripe.com/changelog. Pure and thread safe.
#pragma once

#include <string_view>

namespace billhook::simulate {

enum class ApiVersion {
  k20180228,
  k20200827,
  k20221115,
  k20240620,
  k20241028Acacia,
  k20250331Basil,
  k20250930Clover,
  k20260729Dahlia
};

constexpr std::string_view NameOf(ApiVersion version) {
  switch (version) {
    case ApiVersion::k20180228:
      return "2018-02-28";
    case ApiVersion::k20200827:
      return "2020-08-27";
    case ApiVersion::k20221115:
      return "2022-11-15";
    case ApiVersion::k20240620:
      return "2024-06-20";
    case ApiVersion::k20241028Acacia:
      return "2024-10-28.acacia";
    case ApiVersion::k20250331Basil:
      return "2025-03-31.basil";
    case ApiVersion::k20250930Clover:
      return "2025-09-30.clover";
    case ApiVersion::k20260729Dahlia:
      return "2026-07-29.dahlia";
  }
  return "";
}

// Subscription items and invoice lines name a price; before, its forerunner alone, the plan. (The shapes that
// 2019-10-17 brought are counted in: `collection_method`, `start_date`.)
constexpr bool HasPrices(ApiVersion version) {
  return version >= ApiVersion::k20200827;
}

// A dispute lists its balance transactions in full, a charge says how much of it was captured.
constexpr bool TellsMovedAmounts(ApiVersion version) {
  return version >= ApiVersion::k20200827;
}

// Subscriptions may be billed flexibly: items with intervals and periods of their own.
constexpr bool HasFlexibleBilling(ApiVersion version) {
  return version >= ApiVersion::k20250930Clover;
}

// A payment intent lists its charges, and a charge its refunds.
constexpr bool ListsChargesAndRefunds(ApiVersion version) {
  return version < ApiVersion::k20221115;
}

// refund.created, refund.updated and refund.failed exist; before, only charge.refunded and
// charge.refund.updated told.
constexpr bool SendsRefundEvents(ApiVersion version) {
  return version >= ApiVersion::k20241028Acacia;
}

// The billing period stands on the subscription's items; invoices know their parent and list payments; a
// charge and a payment intent no longer name their invoice.
constexpr bool HasBasilShapes(ApiVersion version) {
  return version >= ApiVersion::k20250331Basil;
}

// The single item's plan and quantity stand on the subscription, too.
constexpr bool RepeatsPlanOnSubscription(ApiVersion version) {
  return version < ApiVersion::k20260729Dahlia;
}

}  // namespace billhook::simulate
