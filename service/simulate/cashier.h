// The steps of a payment: what happens to a payment intent and its charges, told and booked. Money received
// is booked with the first event that tells of it. Functions over one life's Teller; not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "service/simulate/objects.h"
#include "service/simulate/teller.h"

namespace billhook::simulate {

struct Payer {
  std::shared_ptr<const Customer> customer;  // null: a guest
  std::shared_ptr<const PaymentMethod> method;
};

struct Purchase {
  std::int64_t amount = 0;
  std::string currency;
  std::string description;
  std::string invoice;  // empty for a one-off payment
};

// All times are seconds from now.
std::shared_ptr<PaymentIntent> OpenIntent(Teller& teller, const Payer& payer, const Purchase& purchase,
                                          std::string_view capture_method = "automatic",
                                          std::int64_t delay_s = 0);
void AskForConfirmation(Teller& teller, PaymentIntent& intent, std::int64_t delay_s = 0);
std::shared_ptr<Charge> Decline(Teller& teller, PaymentIntent& intent, std::int64_t delay_s = 0);
std::shared_ptr<Charge> Succeed(Teller& teller, PaymentIntent& intent, std::int64_t delay_s = 0);
void CancelIntent(Teller& teller, PaymentIntent& intent, std::string_view reason, std::int64_t delay_s = 0);

// A bank debit: pending for days, then settled or returned.
std::shared_ptr<Charge> BeginDebit(Teller& teller, PaymentIntent& intent);
void SettleDebit(Teller& teller, PaymentIntent& intent, Charge& charge);
void ReturnDebit(Teller& teller, PaymentIntent& intent, Charge& charge);

// Authorised now; captured later, wholly or in part (the rest is released), or released altogether.
std::shared_ptr<Charge> Authorise(Teller& teller, PaymentIntent& intent);
void Capture(Teller& teller, PaymentIntent& intent, Charge& charge, std::int64_t amount);
void Release(Teller& teller, PaymentIntent& intent, Charge& charge);

// The old way, without a payment intent.
std::shared_ptr<Charge> ChargeDirectly(Teller& teller, const Payer& payer, const Purchase& purchase);

}  // namespace billhook::simulate
