#include <algorithm>
#include <chrono>
#include <utility>

#include "service/simulate/aftermath.h"
#include "service/simulate/subscription_life.h"

namespace billhook::simulate {
namespace {

constexpr int kMaxAttempts = 4;
constexpr int kMaxRenewals = 24;

}  // namespace

std::int64_t AddMonths(std::int64_t unix_s, int months) {
  using std::chrono::days;
  using std::chrono::sys_days;
  const std::int64_t day_number = unix_s / kDay;
  const std::chrono::year_month_day date{sys_days{days{day_number}}};
  std::chrono::year_month_day later = date + std::chrono::months{months};
  if (!later.ok()) later = later.year() / later.month() / std::chrono::last;
  return sys_days{later}.time_since_epoch().count() * kDay + unix_s % kDay;
}

std::int64_t SubscriptionLife::PeriodAfter(std::int64_t start) const {
  if (cadence_.unit == "day") return start + cadence_.count * kDay;
  if (cadence_.unit == "week") return start + cadence_.count * 7 * kDay;
  return AddMonths(start, cadence_.count * (cadence_.unit == "year" ? 12 : 1));
}

void SubscriptionLife::SetStatus(std::string_view status) {
  const Subscription before = subscription_;
  subscription_.status = status;
  teller().TellChange("customer.subscription.updated", before, subscription_);
}

void SubscriptionLife::SetDelinquent(bool delinquent) {
  if (patron_.customer->delinquent == delinquent) return;
  const Customer before = *patron_.customer;
  patron_.customer->delinquent = delinquent;
  teller().TellChange("customer.updated", before, *patron_.customer);
}

void SubscriptionLife::UpgradeApi() {
  if (!random().Chance(6) || teller().version() == ApiVersion::k20260729Dahlia) return;
  const auto newer = static_cast<int>(teller().version()) + static_cast<int>(random().Between(1, 2));
  teller().Upgrade(static_cast<ApiVersion>(std::min(newer, static_cast<int>(ApiVersion::k20260729Dahlia))));
}

// Decides what happens before the next renewal.
void SubscriptionLife::PlanPeriod() {
  const std::int64_t left = subscription_.period_end - world_.now();
  midway_ = Midway::kNothing;
  const bool undisturbed = subscription_.status == "active" && left > 4 * kDay;
  if (undisturbed && subscription_.paused_collection_behavior.empty()) {
    midway_ = world_.fates().midways.Deal(random());
  }
  const bool must_resume = undisturbed && !subscription_.paused_collection_behavior.empty();
  if (midway_ == Midway::kNothing && !must_resume) return PlanRenewal();
  const std::int64_t time = world_.now() + left * random().Between(20, 50) / 100;
  At(time, must_resume ? &SubscriptionLife::ResumeCollection : &SubscriptionLife::ActMidway);
}

void SubscriptionLife::PlanRenewal() {
  const std::int64_t notice = cadence_.unit == "week" ? kDay : 3 * kDay;
  const std::int64_t announce_at = subscription_.period_end - notice;
  if (announce_at > world_.now() && !subscription_.cancel_at_period_end) {
    return At(announce_at, &SubscriptionLife::Announce);
  }
  At(std::max(subscription_.period_end, world_.now() + kMinute), &SubscriptionLife::Renew);
}

void SubscriptionLife::Announce() {
  AnnounceBill(patron_, subscription_);
  At(subscription_.period_end, &SubscriptionLife::Renew);
}

void SubscriptionLife::Renew() {
  teller().Automatically();
  if (subscription_.cancel_at_period_end) return End("cancellation_requested");
  if (renewals_ == kMaxRenewals) return CancelNow();
  UpgradeApi();
  ++renewals_;
  const Subscription before = subscription_;
  subscription_.status = "active";  // out of a trial; else it is already
  subscription_.period_start = subscription_.period_end;
  subscription_.period_end = PeriodAfter(subscription_.period_start);
  bill_ = DraftBill(patron_, subscription_, "subscription_cycle", std::exchange(pending_lines_, {}));
  subscription_.latest_invoice = bill_.invoice.id;
  teller().TellChange("customer.subscription.updated", before, subscription_);
  teller().Tell("invoice.created", bill_.invoice);

  attempts_ = 0;
  failures_ahead_ = random().Chance(5) ? 1 : 0;
  if (renewals_ == 1 && plot_ == Plot::kRecovers) failures_ahead_ = static_cast<int>(random().Between(1, 2));
  if (renewals_ == 1 && (plot_ == Plot::kGoesUnpaid || plot_ == Plot::kLapses))
    failures_ahead_ = kMaxAttempts;
  After(kHour + random().Between(0, 120), &SubscriptionLife::Collect);
}

void SubscriptionLife::Collect() {
  teller().Automatically();
  FinalizeBill(patron_, bill_);
  if (!subscription_.paused_collection_behavior.empty()) {
    VoidBill(patron_, bill_);
    return PlanPeriod();
  }
  if (subscription_.collection_method == "send_invoice") {
    teller().Tell("invoice.sent", bill_.invoice);
    return After(random().Between(2 * kDay, 22 * kDay), &SubscriptionLife::SettleSentInvoice);
  }
  Attempt();
}

void SubscriptionLife::Attempt() {
  teller().Automatically();
  if (failures_ahead_ == 0 || !bill_.intent) return Pay();
  --failures_ahead_;
  ++attempts_;
  const bool last = attempts_ == kMaxAttempts;
  const std::int64_t pause = (cadence_.unit == "week" ? 1 : random().Between(1, 3)) * kDay;
  FailBill(patron_, bill_, last ? 0 : world_.now() + pause);
  if (subscription_.status == "active") SetStatus("past_due");
  SetDelinquent(true);
  if (last) return GiveUp();
  After(pause, &SubscriptionLife::Attempt);
}

void SubscriptionLife::Pay() {
  if (const auto charge = PayBill(patron_, bill_)) ScheduleAftermath(patron_.teller, charge);
  if (subscription_.status != "active") SetStatus("active");
  SetDelinquent(false);
  PlanPeriod();
}

void SubscriptionLife::GiveUp() {
  if (plot_ == Plot::kLapses) {
    if (random().Chance(60)) WriteOffBill(patron_, bill_);
    return End("payment_failed");
  }
  SetStatus("unpaid");
  After(random().Between(3 * kDay, 11 * kDay), &SubscriptionLife::SettleUnpaid);
}

void SubscriptionLife::SettleUnpaid() {
  teller().ByRequest();
  if (random().Chance(50)) return Pay();
  if (random().Chance(50)) {
    VoidBill(patron_, bill_);
  } else {
    WriteOffBill(patron_, bill_);
  }
  End("cancellation_requested");
}

void SubscriptionLife::SettleSentInvoice() {
  if (!bill_.intent) return Pay();
  teller().ByRequest();
  const std::uint64_t fate = random().Below(100);
  if (fate < 45) return Pay();
  if (fate < 75) {
    PayBillOutOfBand(patron_, bill_);
  } else if (fate < 85) {
    VoidBill(patron_, bill_);
  } else {
    WriteOffBill(patron_, bill_);
  }
  PlanPeriod();
}

void SubscriptionLife::End(std::string_view reason) {
  subscription_.status = "canceled";
  subscription_.cancellation_reason = reason;
  if (subscription_.canceled_at == 0) subscription_.canceled_at = world_.now();
  subscription_.ended_at = world_.now();
  teller().Tell("customer.subscription.deleted", subscription_);
  GoOnAfterEnd();
}

void SubscriptionLife::GoOnAfterEnd() {
  const std::uint64_t fate = random().Below(100);
  if (fate < 8) return DeleteCustomer();  // at once: the account is closed
  if (fate < 30) return After(random().Between(kDay, 20 * kDay), &SubscriptionLife::DeleteCustomer);
  if (fate >= 55 || subscriptions_had_ == 3) return;
  plot_ = Plot::kSteady;  // comes back
  cadence_ = {};
  scheme_ = Scheme::kPerUnit;
  if (patron_.method->customer.empty()) AttachMethod();
  After(random().Between(3 * kDay, 30 * kDay), &SubscriptionLife::Subscribe);
}

void SubscriptionLife::DeleteCustomer() {
  teller().ByRequest();
  teller().Tell("customer.deleted", *patron_.customer);
}

}  // namespace billhook::simulate
