#include "projections/registry.h"

#include "projections/account_balance.h"
#include "projections/customer_timeline.h"
#include "projections/customers.h"
#include "projections/event_counts.h"
#include "projections/invoices.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "projections/revenue/revenue.h"
#include "projections/sagas.h"
#include "projections/subscriptions.h"

namespace billhook {

const std::vector<const Projection*>& AllProjections() {
  static const Subscriptions kSubscriptions;
  static const PaymentLedger kPaymentLedger;
  static const Customers kCustomers;
  static const Invoices kInvoices;
  static const CustomerTimeline kCustomerTimeline;
  static const Revenue kRevenue;
  static const AccountBalance kAccountBalance;
  static const Sagas kSagas;
  static const EventCounts kEventCounts;
  static const std::vector<const Projection*> kAll = {
      &kSubscriptions, &kPaymentLedger,  &kCustomers, &kInvoices,   &kCustomerTimeline,
      &kRevenue,       &kAccountBalance, &kSagas,     &kEventCounts};
  return kAll;
}

}  // namespace billhook
