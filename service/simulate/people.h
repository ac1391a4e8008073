// The people of the simulation: customers, guests and their cards, all at example.com. Not thread safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "service/simulate/objects.h"
#include "service/simulate/teller.h"

namespace billhook::simulate {

const Person* AnyPerson(Random& random);

// A new customer, not told yet. `currency` is set when the first subscription or invoice needs it.
std::shared_ptr<Customer> NewCustomer(Teller& teller);

// A card, or a bank account to debit (`type` "sepa_debit"), not told yet.
std::shared_ptr<PaymentMethod> NewPaymentMethod(Teller& teller, const Person* owner,
                                                std::string_view type = "card");

}  // namespace billhook::simulate
