#include "service/simulate/subscription_life.h"

#include <array>
#include <utility>

#include "domain/check.h"
#include "service/simulate/aftermath.h"
#include "service/simulate/people.h"

namespace billhook::simulate {
namespace {

constexpr std::array<std::int64_t, 3> kTrialDays = {7, 14, 30};

bool StartsWithoutMethod(Plot plot) {
  return plot == Plot::kTrialPauses || plot == Plot::kInvoiced;
}

}  // namespace

SubscriptionLife::SubscriptionLife(World& world, Plot plot) : world_(world), plot_(plot) {
  patron_.teller = std::make_shared<Teller>(world, world.fates().versions.Deal(world.random()));
  currency_ = world.fates().currencies.Deal(world.random());
  tier_ = world.random().Below(3);
  if (plot != Plot::kSteady) return;
  cadence_ = world.fates().cadences.Deal(random());
  scheme_ = world.fates().plans.Deal(random());
}

void SubscriptionLife::At(std::int64_t time, Step step) {
  world_.At(time, [self = shared_from_this(), step] { ((*self).*step)(); });
}

void SubscriptionLife::Begin() {
  teller().ByRequest();
  patron_.customer = NewCustomer(teller());
  patron_.method = NewPaymentMethod(teller(), patron_.customer->person);
  teller().Tell("customer.created", *patron_.customer);
  if (StartsWithoutMethod(plot_)) return After(random().Between(10, 600), &SubscriptionLife::Subscribe);
  After(random().Between(0, 90), &SubscriptionLife::AttachMethod);
}

void SubscriptionLife::AttachMethod() {
  teller().ByRequest();
  patron_.method->customer = patron_.customer->id;
  teller().Tell("payment_method.attached", *patron_.method);
  const Customer before = *patron_.customer;
  patron_.customer->default_payment_method = patron_.method->id;
  teller().TellChange("customer.updated", before, *patron_.customer);
  if (subscriptions_had_ == 0) After(random().Between(1, 300), &SubscriptionLife::Subscribe);
}

const Price* SubscriptionLife::PriceAt(std::size_t tier, Cadence cadence, Scheme scheme) {
  const auto [product, product_is_new] = world_.ProductOf(tier);
  const auto [price, price_is_new] = world_.PriceOf({tier, currency_, cadence, scheme});
  if (product_is_new) teller().Tell("product.created", *product);
  if (price_is_new && HasPrices(teller().version())) teller().Tell("price.created", *price);
  return price;
}

// Something small beside the plan; where the subscription is billed flexibly, with a year of its own.
SubscriptionItem SubscriptionLife::NewAddOn() {
  SubscriptionItem item;
  item.id = world_.ShortId("si_");
  item.created = world_.now();
  const Scheme scheme = world_.fates().add_ons.Deal(random());
  if (scheme != Scheme::kPerUnit) {
    item.price = PriceAt(0, cadence_, scheme);
    return item;
  }
  item.quantity = random().Between(1, 3);
  const bool own_period = subscription_.billing_mode == BillingMode::kFlexible && cadence_.unit != "year";
  item.price = PriceAt(0, own_period ? Cadence{"year", 1} : cadence_, scheme);
  if (own_period) {
    item.period_start = world_.now();
    item.period_end = AddMonths(world_.now(), 12);
  }
  return item;
}

void SubscriptionLife::Subscribe() {
  Subscribe(plot_);
}

void SubscriptionLife::Subscribe(Plot plot) {
  teller().ByRequest();
  ++subscriptions_had_;
  renewals_ = 0;
  pending_lines_.clear();
  subscription_ = {};
  subscription_.id = world_.Id("sub_");
  subscription_.customer = patron_.customer->id;
  subscription_.currency = currency_;
  subscription_.created = world_.now();
  subscription_.period_start = world_.now();
  subscription_.period_end = PeriodAfter(world_.now());
  if (HasFlexibleBilling(teller().version()))
    subscription_.billing_mode = world_.fates().billing_modes.Deal(random());
  SubscriptionItem plan;
  plan.id = world_.ShortId("si_");
  plan.price = PriceAt(tier_, cadence_, scheme_);
  plan.quantity = random().Between(1, 8);
  plan.created = world_.now();
  subscription_.items = {plan};
  const bool flexible = subscription_.billing_mode == BillingMode::kFlexible;
  if (flexible || (tier_ > 0 && random().Chance(25))) subscription_.items.push_back(NewAddOn());
  subscription_.metadata_seats = std::to_string(subscription_.items.front().quantity);
  if (patron_.customer->currency.empty()) {
    const Customer before = *patron_.customer;
    patron_.customer->currency = currency_;
    teller().TellChange("customer.updated", before, *patron_.customer);
  }
  switch (plot) {
    case Plot::kTrialConverts:
    case Plot::kTrialCanceled:
    case Plot::kTrialPauses:
      return StartTrial();
    case Plot::kAuthenticates:
    case Plot::kNeverStarts:
      return StartIncomplete();
    case Plot::kInvoiced:
      return StartInvoiced();
    default:
      return StartPaid();
  }
}

void SubscriptionLife::StartTrial() {
  subscription_.status = "trialing";
  subscription_.trial_start = world_.now();
  subscription_.trial_end = world_.now() + kTrialDays[random().Below(kTrialDays.size())] * kDay;
  subscription_.period_end = subscription_.trial_end;
  if (plot_ != Plot::kTrialPauses) {
    SetupIntent setup;
    setup.id = world_.Id("seti_");
    setup.customer = patron_.customer->id;
    setup.client_secret = setup.id + "_secret_" + random().Base62(31);
    setup.created = world_.now();
    setup.status = "requires_confirmation";
    setup.payment_method = patron_.method->id;
    teller().Tell("setup_intent.created", setup);
    setup.status = "succeeded";
    teller().Tell("setup_intent.succeeded", setup);
    subscription_.default_payment_method = patron_.method->id;
  }
  bill_ = DraftBill(patron_, subscription_, "subscription_create");
  subscription_.latest_invoice = bill_.invoice.id;
  teller().Tell("customer.subscription.created", subscription_);
  teller().Tell("invoice.created", bill_.invoice);
  FinalizeBill(patron_, bill_);
  PayBill(patron_, bill_);
  if (plot_ == Plot::kTrialCanceled)
    return After(random().Between(kDay, 6 * kDay), &SubscriptionLife::CancelNow);
  At(subscription_.trial_end - 3 * kDay, &SubscriptionLife::WarnOfTrialEnd);
}

void SubscriptionLife::WarnOfTrialEnd() {
  teller().Automatically();
  teller().Tell("customer.subscription.trial_will_end", subscription_);
  At(subscription_.trial_end, &SubscriptionLife::EndTrial);
}

void SubscriptionLife::EndTrial() {
  if (plot_ != Plot::kTrialPauses) return Renew();
  teller().Automatically();
  SetStatus("paused");
  teller().Tell("customer.subscription.paused", subscription_);
  After(random().Between(2 * kDay, 20 * kDay), &SubscriptionLife::LeavePause);
}

void SubscriptionLife::LeavePause() {
  if (random().Chance(35)) return CancelNow();
  AttachMethod();
  teller().ByRequest();
  const Subscription before = subscription_;
  subscription_.status = "active";
  subscription_.default_payment_method = patron_.method->id;
  subscription_.period_start = world_.now();
  subscription_.period_end = PeriodAfter(world_.now());
  bill_ = DraftBill(patron_, subscription_, "subscription_update");
  subscription_.latest_invoice = bill_.invoice.id;
  teller().Tell("invoice.created", bill_.invoice);
  FinalizeBill(patron_, bill_);
  if (const auto charge = PayBill(patron_, bill_)) ScheduleAftermath(patron_.teller, charge);
  teller().TellChange("customer.subscription.updated", before, subscription_);
  teller().Tell("customer.subscription.resumed", subscription_);
  PlanPeriod();
}

void SubscriptionLife::StartPaid() {
  const bool shown_incomplete = random().Chance(50);
  subscription_.default_payment_method = patron_.method->id;
  subscription_.status = shown_incomplete ? "incomplete" : "active";
  bill_ = DraftBill(patron_, subscription_, "subscription_create");
  subscription_.latest_invoice = bill_.invoice.id;
  teller().Tell("customer.subscription.created", subscription_);
  teller().Tell("invoice.created", bill_.invoice);
  FinalizeBill(patron_, bill_);
  if (const auto charge = PayBill(patron_, bill_)) ScheduleAftermath(patron_.teller, charge);
  if (shown_incomplete) SetStatus("active");
  PlanPeriod();
}

void SubscriptionLife::StartIncomplete() {
  subscription_.status = "incomplete";
  bill_ = DraftBill(patron_, subscription_, "subscription_create");
  subscription_.latest_invoice = bill_.invoice.id;
  teller().Tell("customer.subscription.created", subscription_);
  teller().Tell("invoice.created", bill_.invoice);
  bill_.invoice.auto_advance = false;
  FinalizeBill(patron_, bill_);
  if (plot_ == Plot::kNeverStarts && random().Chance(50)) {
    FailBill(patron_, bill_, 0);
  } else {
    AskForConfirmation(teller(), *bill_.intent);
    teller().Tell("invoice.payment_action_required", bill_.invoice);
  }
  if (plot_ == Plot::kNeverStarts) return After(23 * kHour, &SubscriptionLife::Expire);
  After(random().Between(20, 20 * kMinute), &SubscriptionLife::Confirm);
}

void SubscriptionLife::Confirm() {
  teller().ByRequest();
  const auto charge = PayBill(patron_, bill_);
  BILLHOOK_CHECK(charge != nullptr);
  ScheduleAftermath(patron_.teller, charge);
  SetStatus("active");
  PlanPeriod();
}

void SubscriptionLife::Expire() {
  teller().Automatically();
  VoidBill(patron_, bill_);
  SetStatus("incomplete_expired");
  GoOnAfterEnd();
}

void SubscriptionLife::StartInvoiced() {
  subscription_.status = "active";
  subscription_.collection_method = "send_invoice";
  bill_ = DraftBill(patron_, subscription_, "subscription_create");
  subscription_.latest_invoice = bill_.invoice.id;
  teller().Tell("customer.subscription.created", subscription_);
  teller().Tell("invoice.created", bill_.invoice);
  After(kHour + random().Between(0, 120), &SubscriptionLife::Collect);
}

}  // namespace billhook::simulate
