#include <array>
#include <utility>

#include "service/simulate/aftermath.h"
#include "service/simulate/people.h"
#include "service/simulate/subscription_life.h"

namespace billhook::simulate {
namespace {

constexpr std::array<std::string_view, 4> kFeedback = {"too_expensive", "unused", "switched_service", ""};
constexpr std::size_t kTopTier = 3;

}  // namespace

void SubscriptionLife::ActMidway() {
  teller().ByRequest();
  switch (midway_) {
    case Midway::kQuantity:
      return ChangeQuantity(random().Between(1, 3), false);
    case Midway::kQuantityAndMetadata:
      return ChangeQuantity(random().Between(1, 3), true);
    case Midway::kFewerSeats:
      return ChangeQuantity(-1, false);
    case Midway::kDowngrade:
      return tier_ == 0 ? ChangeQuantity(-1, false) : ChangePlan(tier_ - 1, false);
    case Midway::kAddOn:
      return ChangeAddOn();
    case Midway::kDraftDeleted:
      return DraftAndDelete();
    case Midway::kUpgradeBilledLater:
      return ChangePlan(tier_ + 1, false);
    case Midway::kUpgradeBilledNow:
      return ChangePlan(tier_ + 1, true);
    case Midway::kCancelAtPeriodEnd:
    case Midway::kCancelAndThinkBetter:
      return CancelAtPeriodEnd();
    case Midway::kCancelNow:
      return CancelNow();
    case Midway::kPauseCollection:
      return PauseCollection();
    case Midway::kMove:
      return Move();
    case Midway::kNothing:
      return PlanRenewal();
  }
}

// A pending line over the rest of the period: a credit (sign -1) or a charge (sign 1).
void SubscriptionLife::AddProration(const Price* price, std::int64_t quantity, int sign) {
  const std::int64_t period = subscription_.period_end - subscription_.period_start;
  const std::int64_t left = subscription_.period_end - world_.now();
  InvoiceItem item;
  InvoiceLine& line = item.line;
  line.id = world_.Id("il_");
  line.invoice_item = world_.Id("ii_");
  line.description = std::string(sign < 0 ? "Unused" : "Remaining") + " time on " + price->nickname;
  line.subscription = subscription_.id;
  line.subscription_item = subscription_.items.front().id;
  line.price = price;
  line.quantity = quantity;
  line.amount = sign * Payable(currency_, price->unit_amount * quantity * (left / kHour) / (period / kHour));
  line.period_start = world_.now();
  line.period_end = subscription_.period_end;
  line.proration = true;
  item.customer = patron_.customer->id;
  item.currency = currency_;
  item.created = world_.now();
  teller().Tell("invoiceitem.created", item);
  pending_lines_.push_back(std::move(line));
}

// Fewer seats and smaller plans give no credit: they count from the next period on.
void SubscriptionLife::ChangeQuantity(std::int64_t change, bool with_metadata) {
  SubscriptionItem& plan = subscription_.items.front();
  if (plan.quantity + change < 1) change = 1;
  const Subscription before = subscription_;
  plan.quantity += change;
  teller().TellChange("customer.subscription.updated", before, subscription_);
  if (change > 0) AddProration(plan.price, change, 1);
  const std::string seats = std::to_string(plan.quantity);
  if (with_metadata && seats != subscription_.metadata_seats) {  // a second change in the same second
    const Subscription between = subscription_;
    subscription_.metadata_seats = seats;
    teller().TellChange("customer.subscription.updated", between, subscription_);
  }
  PlanRenewal();
}

void SubscriptionLife::ChangePlan(std::size_t tier, bool bill_now) {
  if (tier > kTopTier) return ChangeQuantity(1, false);
  const bool upgrade = tier > tier_;
  tier_ = tier;
  SubscriptionItem& item = subscription_.items.front();
  const Subscription before = subscription_;
  const Price* const old_price = std::exchange(item.price, PriceAt(tier, cadence_, scheme_));
  teller().TellChange("customer.subscription.updated", before, subscription_);
  if (!upgrade) return PlanRenewal();
  AddProration(old_price, item.quantity, -1);
  AddProration(item.price, item.quantity, 1);
  const bool sends_invoices = subscription_.collection_method == "send_invoice";
  if (bill_now && !sends_invoices) {
    // always_invoice: the whole invoice and a second change of the subscription, in the same second.
    bill_ =
        DraftBill(patron_, subscription_, "subscription_update", std::exchange(pending_lines_, {}), false);
    teller().Tell("invoice.created", bill_.invoice);
    FinalizeBill(patron_, bill_);
    if (const auto charge = PayBill(patron_, bill_)) ScheduleAftermath(patron_.teller, charge);
    const Subscription between = subscription_;
    subscription_.latest_invoice = bill_.invoice.id;
    teller().TellChange("customer.subscription.updated", between, subscription_);
  }
  PlanRenewal();
}

void SubscriptionLife::ChangeAddOn() {
  const Subscription before = subscription_;
  if (subscription_.items.size() == 1) {
    subscription_.items.push_back(NewAddOn());
  } else {
    subscription_.items.pop_back();
  }
  teller().TellChange("customer.subscription.updated", before, subscription_);
  PlanRenewal();
}

void SubscriptionLife::DraftAndDelete() {
  draft_ = DraftBill(patron_, subscription_, "manual", {}, false);
  teller().Tell("invoice.created", draft_.invoice);
  After(random().Between(kMinute, 2 * kHour), &SubscriptionLife::DeleteDraft);
}

void SubscriptionLife::DeleteDraft() {
  teller().ByRequest();
  simulate::DeleteDraft(patron_, draft_);
  PlanRenewal();
}

void SubscriptionLife::CancelAtPeriodEnd() {
  const Subscription before = subscription_;
  subscription_.cancel_at_period_end = true;
  subscription_.cancel_at = subscription_.period_end;
  subscription_.canceled_at = world_.now();
  subscription_.cancellation_reason = "cancellation_requested";
  subscription_.cancellation_feedback = kFeedback[random().Below(kFeedback.size())];
  teller().TellChange("customer.subscription.updated", before, subscription_);
  if (midway_ != Midway::kCancelAndThinkBetter) return PlanRenewal();
  const std::int64_t left = subscription_.period_end - world_.now();
  At(world_.now() + left / 5, &SubscriptionLife::ThinkBetter);
}

void SubscriptionLife::ThinkBetter() {
  teller().ByRequest();
  const Subscription before = subscription_;
  subscription_.cancel_at_period_end = false;
  subscription_.cancel_at = 0;
  subscription_.canceled_at = 0;
  subscription_.cancellation_reason.clear();
  subscription_.cancellation_feedback.clear();
  teller().TellChange("customer.subscription.updated", before, subscription_);
  PlanRenewal();
}

void SubscriptionLife::CancelNow() {
  teller().ByRequest();
  subscription_.cancellation_feedback = kFeedback[random().Below(kFeedback.size())];
  End("cancellation_requested");
}

void SubscriptionLife::PauseCollection() {
  const Subscription before = subscription_;
  subscription_.paused_collection_behavior = "void";
  teller().TellChange("customer.subscription.updated", before, subscription_);
  PlanRenewal();
}

void SubscriptionLife::ResumeCollection() {
  teller().ByRequest();
  const Subscription before = subscription_;
  subscription_.paused_collection_behavior.clear();
  teller().TellChange("customer.subscription.updated", before, subscription_);
  PlanRenewal();
}

// A new address to write to and a new card, in one second.
void SubscriptionLife::Move() {
  const Customer before = *patron_.customer;
  patron_.customer->email = "new." + before.email;
  teller().TellChange("customer.updated", before, *patron_.customer);
  patron_.method = NewPaymentMethod(teller(), patron_.customer->person);
  AttachMethod();
  if (!subscription_.default_payment_method.empty()) {
    const Subscription old = subscription_;
    subscription_.default_payment_method = patron_.method->id;
    teller().TellChange("customer.subscription.updated", old, subscription_);
  }
  PlanRenewal();
}

}  // namespace billhook::simulate
