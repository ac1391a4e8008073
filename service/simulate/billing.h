// The steps of an invoice, from its draft to its payment or its end, told and booked. Functions over one
// patron's Teller; not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/simulate/cashier.h"
#include "service/simulate/objects.h"
#include "service/simulate/teller.h"

namespace billhook::simulate {

// Who pays: one customer with the means of payment they use now.
struct Patron {
  std::shared_ptr<Teller> teller;
  std::shared_ptr<Customer> customer;
  std::shared_ptr<PaymentMethod> method;
};

struct Bill {
  Invoice invoice;
  std::shared_ptr<PaymentIntent> intent;  // from finalisation on, unless nothing is due
};

// A draft over the subscription's present period, with `extra_lines` of pending items; not told yet. With
// `with_period` false it holds the extra lines alone.
Bill DraftBill(const Patron& patron, const Subscription& subscription, std::string_view billing_reason,
               std::vector<InvoiceLine> extra_lines = {}, bool with_period = true);

// invoice.finalized, after payment_intent.created when something is due.
void FinalizeBill(const Patron& patron, Bill& bill);

// invoice.upcoming: the next period's invoice, without an ID.
void AnnounceBill(const Patron& patron, const Subscription& subscription);

// Paid by the patron's method; the charge, or nothing when nothing was due.
std::shared_ptr<Charge> PayBill(const Patron& patron, Bill& bill);

// Paid by other means than through Stripe; the intent is canceled.
void PayBillOutOfBand(const Patron& patron, Bill& bill);

// An attempt is declined; the next one comes at `next_attempt` (0 = none).
void FailBill(const Patron& patron, Bill& bill, std::int64_t next_attempt);

void DeleteDraft(const Patron& patron, Bill& bill);
void VoidBill(const Patron& patron, Bill& bill);
void WriteOffBill(const Patron& patron, Bill& bill);  // marked uncollectible

}  // namespace billhook::simulate
