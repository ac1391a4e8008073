// One subscriber's life: customer, trial or start, billing periods with what happens within them, failures
// and recovery, the end, and sometimes a second subscription or the customer's deletion. One scene follows
// the other, so that a life never contradicts itself; only refunds and disputes of its payments go on beside
// it. Not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/simulate/billing.h"
#include "service/simulate/fates.h"
#include "service/simulate/world.h"

namespace billhook::simulate {

// The same day of the month `months` later, or that month's last day; the time of day stays.
std::int64_t AddMonths(std::int64_t unix_s, int months);

class SubscriptionLife : public std::enable_shared_from_this<SubscriptionLife> {
 public:
  SubscriptionLife(World& world, Plot plot);

  // The first scene, at the world's present.
  void Begin();

 private:
  using Step = void (SubscriptionLife::*)();

  // Puts a scene of this life on the agenda.
  void At(std::int64_t time, Step step);
  void After(std::int64_t seconds, Step step) { At(world_.now() + seconds, step); }

  // Starts (subscription_life.cpp).
  void AttachMethod();
  void Subscribe();
  void Subscribe(Plot plot);
  void StartTrial();
  void StartPaid();
  void StartIncomplete();
  void StartInvoiced();
  void Confirm();
  void Expire();
  void WarnOfTrialEnd();
  void EndTrial();
  void LeavePause();

  // Billing periods (subscription_periods.cpp).
  void PlanPeriod();
  void PlanRenewal();
  void Announce();
  void Renew();
  void Collect();
  void Attempt();
  void GiveUp();
  void SettleUnpaid();
  void SettleSentInvoice();
  void Pay();
  void End(std::string_view reason);
  void GoOnAfterEnd();
  void DeleteCustomer();
  void UpgradeApi();

  // What happens within a period (subscription_midway.cpp).
  void ActMidway();
  void ChangeQuantity(std::int64_t change, bool with_metadata);
  void ChangePlan(std::size_t tier, bool bill_now);
  void ChangeAddOn();
  void DraftAndDelete();
  void DeleteDraft();
  void CancelAtPeriodEnd();
  void ThinkBetter();
  void CancelNow();
  void PauseCollection();
  void ResumeCollection();
  void Move();
  void AddProration(const Price* price, std::int64_t quantity, int sign);

  // The price in this life's currency, told when it is new.
  const Price* PriceAt(std::size_t tier, Cadence cadence, Scheme scheme);
  [[nodiscard]] SubscriptionItem NewAddOn();
  void SetStatus(std::string_view status);
  void SetDelinquent(bool delinquent);
  [[nodiscard]] std::int64_t PeriodAfter(std::int64_t start) const;

  Teller& teller() { return *patron_.teller; }
  Random& random() { return world_.random(); }

  World& world_;
  Plot plot_;
  Patron patron_;
  std::string currency_;
  Cadence cadence_;
  Scheme scheme_ = Scheme::kPerUnit;
  std::size_t tier_ = 0;
  Subscription subscription_;
  Bill bill_;
  Bill draft_;  // beside it, and to be thrown away
  std::vector<InvoiceLine> pending_lines_;
  Midway midway_ = Midway::kNothing;
  int renewals_ = 0;
  int failures_ahead_ = 0;
  int attempts_ = 0;
  int subscriptions_had_ = 0;
};

}  // namespace billhook::simulate
