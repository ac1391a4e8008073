// What may befall people in the simulation, dealt from decks, so that each rare turn comes up in any history
// of a few thousand events. Not thread safe.
#pragma once

#include <string_view>

#include "service/simulate/api_version.h"
#include "service/simulate/objects.h"
#include "service/simulate/random.h"

namespace billhook::simulate {

// What a life is about.
enum class Plot {
  kSteady,           // subscribes and renews
  kTrialConverts,    // trialing -> active
  kTrialCanceled,    // trialing -> canceled
  kTrialPauses,      // trialing -> paused -> active or canceled
  kAuthenticates,    // incomplete -> active, once the customer has confirmed
  kNeverStarts,      // incomplete -> incomplete_expired
  kRecovers,         // past_due -> active
  kGoesUnpaid,       // past_due -> unpaid -> active or canceled
  kLapses,           // past_due -> canceled
  kInvoiced,         // pays sent invoices: by card, out of band, or never
  kCheckout,         // one-off payments, each of its own kind:
  kBankDebit,        //   processing for days, then succeeded or failed
  kAuthorises,       //   authorised first; captured, captured in part, or released
  kChargesDirectly,  //   an old integration's charge without a payment intent
  kRetriesCard,      //   declined, then paid
  kAbandons,         //   never paid
  kPayout,           // Stripe pays out what one currency's balance holds
  kCatalogueChange,  // a product gets another description
  kThinEvent         // a v2 event
};

// What becomes of a payment after it.
enum class Aftermath {
  kNothing,
  kFullRefund,
  kPartialRefunds,
  kTwoRefundsAtOnce,
  kPendingRefund,
  kFailingRefund,
  kRefundAndDispute,  // it and all that follow are disputes
  kInquiry,
  kInquiryEscalates,
  kDisputeWon,
  kDisputeLost
};

// What happens within a billing period.
enum class Midway {
  kNothing,
  kQuantity,
  kQuantityAndMetadata,
  kFewerSeats,
  kDowngrade,
  kAddOn,         // another item comes, or the one beside the plan goes
  kDraftDeleted,  // an invoice is drafted and thrown away
  kUpgradeBilledLater,
  kUpgradeBilledNow,
  kCancelAtPeriodEnd,
  kCancelAndThinkBetter,
  kCancelNow,
  kPauseCollection,
  kMove
};

enum class PayoutEnd { kPaid, kFailed, kCanceled };

struct Fates {
  Deck<Plot> plots{{{Plot::kSteady, 8},
                    {Plot::kTrialConverts, 3},
                    {Plot::kTrialCanceled, 1},
                    {Plot::kTrialPauses, 2},
                    {Plot::kAuthenticates, 2},
                    {Plot::kNeverStarts, 2},
                    {Plot::kRecovers, 3},
                    {Plot::kGoesUnpaid, 2},
                    {Plot::kLapses, 2},
                    {Plot::kInvoiced, 4},
                    {Plot::kCheckout, 3},
                    {Plot::kBankDebit, 2},
                    {Plot::kAuthorises, 3},
                    {Plot::kChargesDirectly, 2},
                    {Plot::kRetriesCard, 2},
                    {Plot::kAbandons, 1},
                    {Plot::kPayout, 8},
                    {Plot::kCatalogueChange, 1},
                    {Plot::kThinEvent, 1}}};
  Deck<Aftermath> aftermaths{{{Aftermath::kNothing, 18},
                              {Aftermath::kFullRefund, 2},
                              {Aftermath::kPartialRefunds, 2},
                              {Aftermath::kTwoRefundsAtOnce, 1},
                              {Aftermath::kPendingRefund, 1},
                              {Aftermath::kFailingRefund, 1},
                              {Aftermath::kRefundAndDispute, 1},
                              {Aftermath::kInquiry, 1},
                              {Aftermath::kInquiryEscalates, 1},
                              {Aftermath::kDisputeWon, 1},
                              {Aftermath::kDisputeLost, 1}}};
  Deck<Midway> midways{{{Midway::kNothing, 5},
                        {Midway::kQuantity, 1},
                        {Midway::kQuantityAndMetadata, 1},
                        {Midway::kFewerSeats, 1},
                        {Midway::kDowngrade, 1},
                        {Midway::kAddOn, 2},
                        {Midway::kDraftDeleted, 1},
                        {Midway::kUpgradeBilledLater, 1},
                        {Midway::kUpgradeBilledNow, 1},
                        {Midway::kCancelAtPeriodEnd, 1},
                        {Midway::kCancelAndThinkBetter, 1},
                        {Midway::kCancelNow, 1},
                        {Midway::kPauseCollection, 1},
                        {Midway::kMove, 2}}};
  Deck<PayoutEnd> payout_ends{{{PayoutEnd::kPaid, 5}, {PayoutEnd::kFailed, 2}, {PayoutEnd::kCanceled, 1}}};
  Deck<ApiVersion> versions{{{ApiVersion::k20180228, 1},
                             {ApiVersion::k20200827, 2},
                             {ApiVersion::k20221115, 1},
                             {ApiVersion::k20240620, 2},
                             {ApiVersion::k20241028Acacia, 1},
                             {ApiVersion::k20250331Basil, 2},
                             {ApiVersion::k20250930Clover, 2},
                             {ApiVersion::k20260729Dahlia, 2}}};
  Deck<std::string_view> currencies{{{"usd", 5}, {"eur", 3}, {"jpy", 2}, {"kwd", 1}}};
  Deck<int> capture_kinds{{{0, 1}, {1, 1}, {2, 1}}};  // whole, in part, released
  Deck<Cadence> cadences{{{{"month", 1}, 8},
                          {{"week", 1}, 2},
                          {{"year", 1}, 2},
                          {{"month", 3}, 1},
                          {{"week", 2}, 1},
                          {{"day", 30}, 1}}};
  Deck<BillingMode> billing_modes{{{BillingMode::kFlexible, 2}, {BillingMode::kClassic, 1}}};
  Deck<Scheme> add_ons{{{Scheme::kPerUnit, 3}, {Scheme::kMetered, 1}, {Scheme::kMeteredInTiers, 1}}};
  Deck<Scheme> plans{{{Scheme::kPerUnit, 12}, {Scheme::kTiered, 1}}};
};

}  // namespace billhook::simulate
