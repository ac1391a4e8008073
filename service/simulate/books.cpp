#include "service/simulate/books.h"

#include "domain/check.h"

namespace billhook::simulate {
namespace {

constexpr std::int64_t kSecondsADay = 86'400;

std::int64_t ActiveCount(const SubscriptionTruth& subscription) {
  return subscription.status == "active" ? 1 : 0;
}

}  // namespace

void Books::Enter(const Booking& booking) {
  truth_.ledger[booking.currency].*booking.column += booking.amount;
  if (booking.customer.empty()) return;
  CustomerTruth& customer = truth_.customers[booking.customer];
  customer.ledger[booking.currency].*booking.column += booking.amount;
  const bool is_payment = booking.column == &LedgerTruth::gross && booking.amount > 0;
  if (is_payment && (!customer.last_payment || customer.last_payment->at <= booking.at))
    customer.last_payment = {booking.currency, booking.amount, booking.at};
}

void Books::Learn(const Fact& fact, std::int64_t created) {
  if (const auto* subscription = std::get_if<SubscriptionFact>(&fact)) {
    LearnSubscription(*subscription, created);
  } else if (const auto* invoice = std::get_if<InvoiceFact>(&fact)) {
    truth_.invoices[invoice->id] = invoice->state;
  } else if (const auto* customer = std::get_if<CustomerFact>(&fact)) {
    truth_.customers[customer->id].deleted = customer->deleted;
  }
}

void Books::LearnSubscription(const SubscriptionFact& fact, std::int64_t created) {
  SubscriptionTruth& known = truth_.subscriptions[fact.id];
  std::int64_t& active = truth_.customers[fact.state.customer].active_subscriptions;
  active += ActiveCount(fact.state) - ActiveCount(known);
  known = fact.state;

  Revenue& revenue = revenues_[fact.id];
  if (revenue.second == created) {
    Move(revenue, fact.state.currency, -1);
  } else {
    revenue.before = revenue.now;
    revenue.earned_before |= revenue.now > 0;
    revenue.second = created;
  }
  revenue.now = fact.state.mrr.value_or(0);
  Move(revenue, fact.state.currency, 1);
}

// Enters the present second's movement, or takes it back (sign -1).
void Books::Move(const Revenue& revenue, const std::string& currency, int sign) {
  const std::int64_t change = revenue.now - revenue.before;
  if (change == 0) return;
  std::map<std::int64_t, RevenueTruth>& days = truth_.revenue[currency];
  const std::int64_t day = revenue.second / kSecondsADay;
  RevenueTruth& movements = days[day];
  if (revenue.before == 0) {
    (revenue.earned_before ? movements.reactivation : movements.started) += sign * change;
  } else if (revenue.now == 0) {
    movements.churn -= sign * change;
  } else if (change > 0) {
    movements.expansion += sign * change;
  } else {
    movements.contraction -= sign * change;
  }
  if (movements == RevenueTruth{}) days.erase(day);
}

}  // namespace billhook::simulate
