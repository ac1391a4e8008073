#include "service/simulate/single_payments.h"

#include <array>
#include <memory>
#include <string>

#include "domain/time.h"
#include "service/simulate/aftermath.h"
#include "service/simulate/cashier.h"
#include "service/simulate/people.h"

namespace billhook::simulate {
namespace {

constexpr std::array<std::string_view, 4> kGoods = {"Workshop ticket", "Printed handbook", "Consulting hour",
                                                    "Sticker pack"};

constexpr std::string_view kThinType = "v1.billing.meter.error_report_triggered";

struct Sale {
  std::shared_ptr<Teller> teller;
  Payer payer;
  Purchase purchase;
  CheckoutSession session;
  std::shared_ptr<PaymentIntent> intent;
  std::shared_ptr<Charge> charge;
};
using SalePointer = std::shared_ptr<Sale>;

void TellSession(Sale& sale, std::string_view type, std::string_view status,
                 std::string_view payment_status) {
  sale.session.status = status;
  sale.session.payment_status = payment_status;
  if (sale.intent) sale.session.payment_intent = sale.intent->id;
  sale.teller->Tell(type, sale.session);
}

void Open(Sale& sale, std::string_view capture_method = "automatic") {
  sale.teller->ByRequest();
  sale.intent = OpenIntent(*sale.teller, sale.payer, sale.purchase, capture_method);
}

void CheckOut(const SalePointer& sale) {
  Open(*sale);
  sale->teller->world().After(sale->teller->random().Between(0, 90), [sale] {
    sale->charge = Succeed(*sale->teller, *sale->intent);
    TellSession(*sale, "checkout.session.completed", "complete", "paid");
    ScheduleAftermath(sale->teller, sale->charge);
  });
}

void Debit(const SalePointer& sale) {
  Open(*sale);
  sale->charge = BeginDebit(*sale->teller, *sale->intent);
  TellSession(*sale, "checkout.session.completed", "complete", "unpaid");
  sale->teller->world().After(sale->teller->random().Between(3 * kDay, 6 * kDay), [sale] {
    sale->teller->Automatically();
    if (sale->teller->random().Chance(65)) {
      SettleDebit(*sale->teller, *sale->intent, *sale->charge);
      TellSession(*sale, "checkout.session.async_payment_succeeded", "complete", "paid");
      ScheduleAftermath(sale->teller, sale->charge);
    } else {
      ReturnDebit(*sale->teller, *sale->intent, *sale->charge);
      TellSession(*sale, "checkout.session.async_payment_failed", "complete", "unpaid");
    }
  });
}

void AuthoriseAndCapture(const SalePointer& sale) {
  World& world = sale->teller->world();
  Open(*sale, "manual");
  sale->charge = Authorise(*sale->teller, *sale->intent);
  const int kind = world.fates().capture_kinds.Deal(world.random());
  world.After(world.random().Between(kHour, 6 * kDay), [sale, kind] {
    sale->teller->ByRequest();
    const std::int64_t amount = sale->charge->amount;
    if (kind == 2) return Release(*sale->teller, *sale->intent, *sale->charge);
    Capture(*sale->teller, *sale->intent, *sale->charge,
            kind == 0
                ? amount
                : Payable(sale->charge->currency, amount * sale->teller->random().Between(40, 90) / 100));
    ScheduleAftermath(sale->teller, sale->charge);
  });
}

void RetryCard(const SalePointer& sale, int declines_left) {
  World& world = sale->teller->world();
  world.After(world.random().Between(5, 200), [sale, declines_left] {
    sale->teller->ByRequest();
    if (declines_left > 0) {
      Decline(*sale->teller, *sale->intent);
      return RetryCard(sale, declines_left - 1);
    }
    sale->charge = Succeed(*sale->teller, *sale->intent);
    ScheduleAftermath(sale->teller, sale->charge);
  });
}

void Abandon(const SalePointer& sale) {
  Open(*sale);
  sale->teller->world().After(kDay, [sale] {
    sale->teller->Automatically();
    CancelIntent(*sale->teller, *sale->intent, "abandoned");
    TellSession(*sale, "checkout.session.expired", "expired", "unpaid");
  });
}

SalePointer NewSale(World& world, Plot plot) {
  Random& random = world.random();
  auto sale = std::make_shared<Sale>();
  ApiVersion version = world.fates().versions.Deal(random);
  // The oldest charges do not say how much of them was captured.
  if (plot == Plot::kAuthorises && !TellsMovedAmounts(version)) version = ApiVersion::k20200827;
  sale->teller = std::make_shared<Teller>(world, version);
  Teller& teller = *sale->teller;
  sale->purchase.currency = plot == Plot::kBankDebit ? "eur" : world.fates().currencies.Deal(random);
  sale->purchase.amount = Payable(sale->purchase.currency, random.Between(500, 60'000));
  sale->purchase.description = kGoods[random.Below(kGoods.size())];
  const Person* person = AnyPerson(random);
  if (random.Chance(50)) {
    teller.ByRequest();
    const std::shared_ptr<Customer> customer = NewCustomer(teller);
    person = customer->person;
    teller.Tell("customer.created", *customer);
    sale->payer.customer = customer;
  }
  sale->payer.method = NewPaymentMethod(teller, person, plot == Plot::kBankDebit ? "sepa_debit" : "card");
  CheckoutSession& session = sale->session;
  session.id = (world.livemode() ? "cs_live_a1" : "cs_test_a1") + random.Base62(58);
  session.mode = "payment";
  session.currency = sale->purchase.currency;
  session.method_type = sale->payer.method->type;
  session.customer = sale->payer.customer;
  session.person = person;
  session.amount_total = sale->purchase.amount;
  session.created = world.now();
  return sale;
}

void ChangePayout(const std::shared_ptr<Teller>& teller, const std::shared_ptr<Payout>& payout,
                  std::string_view type, std::string_view status) {
  const Payout before = *payout;
  payout->status = status;
  if (status == "failed") {
    payout->failure_code = "account_closed";
    payout->failure_balance_transaction = teller->world().Id("txn_");
  }
  teller->TellChange("payout.updated", before, *payout);
  if (type != "payout.updated") teller->Tell(type, *payout);
}

void SendPayout(const std::shared_ptr<Teller>& teller, const std::shared_ptr<Payout>& payout, PayoutEnd end) {
  World& world = teller->world();
  teller->Automatically();
  world.Book(&LedgerTruth::paid_out, payout->currency, payout->amount, nullptr);
  ChangePayout(teller, payout, "payout.updated", "in_transit");
  world.After(world.random().Between(kDay, 2 * kDay), [=] {
    ChangePayout(teller, payout, "payout.paid", "paid");
    if (end != PayoutEnd::kFailed) return;
    teller->world().After(teller->random().Between(kDay, 4 * kDay), [=] {
      teller->world().Book(&LedgerTruth::paid_out, payout->currency, -payout->amount, nullptr);
      ChangePayout(teller, payout, "payout.failed", "failed");
    });
  });
}

}  // namespace

void BeginSinglePayment(World& world, Plot plot) {
  const SalePointer sale = NewSale(world, plot);
  switch (plot) {
    case Plot::kBankDebit:
      return Debit(sale);
    case Plot::kAuthorises:
      return AuthoriseAndCapture(sale);
    case Plot::kChargesDirectly:
      sale->teller->ByRequest();
      sale->charge = ChargeDirectly(*sale->teller, sale->payer, sale->purchase);
      return ScheduleAftermath(sale->teller, sale->charge);
    case Plot::kRetriesCard:
      Open(*sale);
      return RetryCard(sale, static_cast<int>(world.random().Between(1, 3)));
    case Plot::kAbandons:
      return Abandon(sale);
    default:
      return CheckOut(sale);
  }
}

// Pays out what the fullest balance holds; none, none.
void BeginPayout(World& world) {
  Random& random = world.random();
  std::string currency;
  std::int64_t amount = 0;
  for (std::string_view candidate : kCurrencies) {
    if (world.balance(candidate) > amount) {
      currency = candidate;
      amount = world.balance(candidate);
    }
  }
  if (amount == 0) return;
  auto teller = std::make_shared<Teller>(world, world.fates().versions.Deal(random));
  auto payout = std::make_shared<Payout>();
  payout->id = world.Id("po_");
  payout->currency = currency;
  payout->amount = amount;
  payout->status = "pending";
  payout->created = world.now();
  payout->arrival_date = (world.now() / kDay + 2) * kDay;
  payout->automatic = random.Chance(80);
  payout->balance_transaction = world.Id("txn_");
  payout->destination = world.Id("ba_");
  teller->Automatically();
  const PayoutEnd end = world.fates().payout_ends.Deal(random);
  teller->Tell("payout.created", *payout);
  if (end == PayoutEnd::kCanceled) {
    return world.After(random.Between(kMinute, 3 * kHour),
                       [=] { ChangePayout(teller, payout, "payout.canceled", "canceled"); });
  }
  world.After(random.Between(0, kHour), [=] { SendPayout(teller, payout, end); });
}

void ChangeCatalogue(World& world) {
  Teller teller(world, world.fates().versions.Deal(world.random()));
  teller.ByRequest();
  const auto [product, is_new] = world.ProductOf(world.random().Below(4));
  if (is_new) return teller.Tell("product.created", *product);
  const Product before = *product;
  product->description += " Revised.";
  product->updated = world.now();
  teller.TellChange("product.updated", before, *product);
}

void TellThinEvent(World& world) {
  Random& random = world.random();
  std::string id = world.ThinEventId();
  const std::string meter = "mtr_" + random.Base62(24);
  JsonWriter& json = world.Paper();
  json.Begin();
  json.Field("id", id);
  json.Field("object", "v2.core.event");
  json.Field("type", kThinType);
  json.Field("livemode", world.livemode());
  json.Field("created", FormatRfc3339(world.now() * kMicrosPerSecond + random.Between(0, 999) * 1'000));
  json.Begin("related_object");
  json.Field("id", meter);
  json.Field("type", "billing.meter");
  json.Field("url", "/v1/billing/meters/" + meter);
  json.End();
  json.Nulls("reason");
  json.End();
  world.Publish(std::move(id), kThinType, 0, {});
}

}  // namespace billhook::simulate
