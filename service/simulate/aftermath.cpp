#include "service/simulate/aftermath.h"

#include <array>
#include <string_view>
#include <utility>

namespace billhook::simulate {
namespace {

using TellerPointer = std::shared_ptr<Teller>;
using ChargePointer = std::shared_ptr<Charge>;

constexpr std::array<std::string_view, 3> kRefundReasons = {"requested_by_customer", "duplicate", ""};
constexpr std::array<std::string_view, 4> kDisputeReasons = {"fraudulent", "product_not_received", "general",
                                                             "subscription_canceled"};

// Creates a refund and tells it in the version's way: before 2024-10-28 by charge.refunded alone.
std::shared_ptr<Refund> MakeRefund(Teller& teller, Charge& charge, std::int64_t amount,
                                   std::string_view status) {
  Random& random = teller.random();
  auto refund = std::make_shared<Refund>();
  refund->id = teller.world().Id("re_");
  refund->charge = charge.id;
  refund->payment_intent = charge.payment_intent;
  refund->currency = charge.currency;
  refund->reason = kRefundReasons[random.Below(kRefundReasons.size())];
  refund->amount = amount;
  refund->created = teller.now();
  refund->status = status;
  refund->balance_transaction = teller.world().Id("txn_");

  const Charge before = charge;
  charge.amount_refunded += amount;
  charge.refunds.push_back(refund);
  teller.world().Book(&LedgerTruth::refunded, charge.currency, amount, charge.customer.get());
  // A later refund goes after its charge: an earlier one may be known by the charge's sum alone, and the new
  // object would seem to be a part of that sum.
  const bool sends_refund = SendsRefundEvents(teller.version());
  const bool refund_first = before.refunds.empty() && random.Chance(60);
  if (sends_refund && refund_first) teller.Tell("refund.created", *refund);
  teller.TellChange("charge.refunded", before, charge);
  if (sends_refund && !refund_first) teller.Tell("refund.created", *refund);
  return refund;
}

void ChangeRefund(Teller& teller, Refund& refund, std::string_view status) {
  const Refund before = refund;
  refund.status = status;
  if (SendsRefundEvents(teller.version())) teller.TellChange("refund.updated", before, refund);
  teller.TellChange("charge.refund.updated", before, refund);
}

void FailRefund(Teller& teller, const Charge& charge, Refund& refund) {
  const Refund before = refund;
  refund.status = "failed";
  refund.failure_reason = "lost_or_stolen_card";
  refund.failure_balance_transaction = teller.world().Id("txn_");
  teller.world().Book(&LedgerTruth::refunded, refund.currency, -refund.amount, charge.customer.get());
  if (SendsRefundEvents(teller.version())) {
    teller.TellChange("refund.updated", before, refund);
    teller.Tell("refund.failed", refund);
  }
  teller.TellChange("charge.refund.updated", before, refund);
}

void RefundInParts(const TellerPointer& teller, const ChargePointer& charge, int parts_left) {
  const std::int64_t left = charge->amount - charge->amount_refunded;
  if (left < 20 || parts_left == 0) return;
  teller->ByRequest();
  const std::int64_t amount = Payable(charge->currency, teller->random().Between(10, left / 2));
  MakeRefund(*teller, *charge, amount, "succeeded");
  teller->world().After(teller->random().Between(kHour, 6 * kDay),
                        [=] { RefundInParts(teller, charge, parts_left - 1); });
}

void Refunds(const TellerPointer& teller, const ChargePointer& charge, Aftermath kind) {
  const std::int64_t whole = charge->amount - charge->amount_refunded;
  World& world = teller->world();
  Random& random = teller->random();
  teller->ByRequest();
  switch (kind) {
    case Aftermath::kPartialRefunds:
      RefundInParts(teller, charge, static_cast<int>(random.Between(1, 3)));
      return;
    case Aftermath::kTwoRefundsAtOnce:
      // In the versions that list refunds in the charge, a chain of lists: kept to the plain ones.
      if (!ListsChargesAndRefunds(teller->version()) && whole >= 30) {
        MakeRefund(*teller, *charge, Payable(charge->currency, whole / 3), "succeeded");
        MakeRefund(*teller, *charge, Payable(charge->currency, whole / 2), "succeeded");
        return;
      }
      break;
    case Aftermath::kPendingRefund:
    case Aftermath::kFailingRefund: {
      const bool fails = kind == Aftermath::kFailingRefund;
      const bool pending = !fails || random.Chance(40);
      const auto refund = MakeRefund(*teller, *charge, whole, pending ? "pending" : "succeeded");
      world.After(random.Between(kDay, 5 * kDay), [=] {
        teller->Automatically();
        if (fails) return FailRefund(*teller, *charge, *refund);
        ChangeRefund(*teller, *refund, "succeeded");
      });
      return;
    }
    default:
      break;
  }
  MakeRefund(*teller, *charge, whole, "succeeded");
}

struct DisputeCase {
  Dispute dispute;
  ChargePointer charge;
};
using CasePointer = std::shared_ptr<DisputeCase>;

// A euro account may settle in dollars: then what is withdrawn is not in the charge's currency.
bool SettlesInDollars(const DisputeCase& of) {
  return of.dispute.lists_transactions && of.charge->currency == "eur" && of.charge->amount % 4 == 0;
}

BalanceTransaction MoveMoney(Teller& teller, const DisputeCase& of, int sign, std::int64_t fee) {
  const bool converted = SettlesInDollars(of);
  BalanceTransaction transaction;
  transaction.id = teller.world().Id("txn_");
  transaction.source = of.dispute.id;
  transaction.currency = converted ? "usd" : of.dispute.currency;
  transaction.exchange_rate = converted ? "1.08" : "";
  transaction.amount = sign * (converted ? of.dispute.amount * 108 / 100 : of.dispute.amount);
  transaction.fee = fee;
  transaction.created = teller.now();
  transaction.description =
      (sign < 0 ? "Chargeback withdrawal for " : "Chargeback reversal for ") + of.charge->id;
  return transaction;
}

// Books what moved last. Where a dispute does not list it, its fee is never told.
void BookDispute(Teller& teller, const DisputeCase& of) {
  const BalanceTransaction& moved = of.dispute.balance_transactions.back();
  const Customer* const customer = of.charge->customer.get();
  teller.world().Book(&LedgerTruth::disputed, moved.currency, -moved.amount, customer);
  if (moved.fee != 0 && of.dispute.lists_transactions)
    teller.world().Book(&LedgerTruth::fees, moved.currency, moved.fee, customer);
}

void Withdraw(Teller& teller, DisputeCase& of) {
  of.dispute.balance_transactions.push_back(MoveMoney(teller, of, -1, 1'500));
  if (of.dispute.lists_transactions) BookDispute(teller, of);
}

// The event that alone tells of a movement which the dispute does not list.
void TellFunds(Teller& teller, const DisputeCase& of, std::string_view type) {
  if (!of.dispute.lists_transactions) BookDispute(teller, of);
  teller.Tell(type, of.dispute);
}

void TellDisputedCharge(Teller& teller, const DisputeCase& of) {
  const Charge before = *of.charge;
  of.charge->dispute = of.dispute.id;
  teller.TellChange("charge.updated", before, *of.charge);
}

void Close(const TellerPointer& teller, const CasePointer& of, bool won) {
  teller->Automatically();
  const Dispute before = of->dispute;
  of->dispute.status = won ? "won" : "lost";
  // What moved stays moved, also where the last word on it leaves the list out.
  if (!won && teller->random().Chance(30)) of->dispute.lists_transactions = false;
  if (won) {
    const bool fee_comes_back = teller->random().Chance(50);
    of->dispute.balance_transactions.push_back(MoveMoney(*teller, *of, 1, fee_comes_back ? -1'500 : 0));
    if (of->dispute.lists_transactions) BookDispute(*teller, *of);
  }
  teller->TellChange("charge.dispute.updated", before, of->dispute);
  teller->Tell("charge.dispute.closed", of->dispute);
  if (won) TellFunds(*teller, *of, "charge.dispute.funds_reinstated");
}

void SubmitEvidence(const TellerPointer& teller, const CasePointer& of, std::string_view status) {
  teller->ByRequest();
  const Dispute before = of->dispute;
  of->dispute.status = status;
  of->dispute.submission_count = 1;
  teller->TellChange("charge.dispute.updated", before, of->dispute);
}

void Escalate(const TellerPointer& teller, const CasePointer& of) {
  teller->Automatically();
  const Dispute before = of->dispute;
  of->dispute.status = "needs_response";
  Withdraw(*teller, *of);
  teller->TellChange("charge.dispute.updated", before, of->dispute);
  TellFunds(*teller, *of, "charge.dispute.funds_withdrawn");
}

void Inquire(const TellerPointer& teller, const CasePointer& of, bool escalates) {
  Random& random = teller->random();
  World& world = teller->world();
  of->dispute.status = "warning_needs_response";
  teller->Tell("charge.dispute.created", of->dispute);
  world.After(random.Between(kDay, 3 * kDay), [=] { SubmitEvidence(teller, of, "warning_under_review"); });
  if (!escalates) {
    world.After(random.Between(10 * kDay, 30 * kDay), [=] {
      teller->Automatically();
      const Dispute before = of->dispute;
      of->dispute.status = "warning_closed";
      teller->TellChange("charge.dispute.updated", before, of->dispute);
      teller->Tell("charge.dispute.closed", of->dispute);
    });
    return;
  }
  world.After(random.Between(5 * kDay, 8 * kDay), [=] { Escalate(teller, of); });
  world.After(random.Between(12 * kDay, 25 * kDay), [=] { Close(teller, of, false); });
}

void Disputes(const TellerPointer& teller, const ChargePointer& charge, Aftermath kind) {
  Random& random = teller->random();
  World& world = teller->world();
  auto of = std::make_shared<DisputeCase>();
  of->charge = charge;
  of->dispute.id = teller->world().Id("du_");
  of->dispute.charge = charge->id;
  of->dispute.payment_intent = charge->payment_intent;
  of->dispute.currency = charge->currency;
  of->dispute.reason = kDisputeReasons[random.Below(kDisputeReasons.size())];
  of->dispute.method = charge->method;
  of->dispute.amount = charge->amount - charge->amount_refunded;  // nothing was released
  of->dispute.lists_transactions = TellsMovedAmounts(teller->version());
  of->dispute.created = teller->now();
  of->dispute.due_by = teller->now() + 9 * kDay;
  teller->Automatically();
  if (kind == Aftermath::kInquiry) return Inquire(teller, of, false);
  if (kind == Aftermath::kInquiryEscalates) return Inquire(teller, of, true);

  of->dispute.status = "needs_response";
  const bool withdrawn_at_once = random.Chance(70);
  if (withdrawn_at_once) Withdraw(*teller, *of);
  teller->Tell("charge.dispute.created", of->dispute);
  if (!withdrawn_at_once) Withdraw(*teller, *of);
  TellFunds(*teller, *of, "charge.dispute.funds_withdrawn");
  TellDisputedCharge(*teller, *of);
  const bool won = kind == Aftermath::kDisputeWon;
  if (won || random.Chance(50)) {
    world.After(random.Between(kDay, 8 * kDay), [=] { SubmitEvidence(teller, of, "under_review"); });
  }
  world.After(random.Between(10 * kDay, 40 * kDay), [=] { Close(teller, of, won); });
}

// A part is given back, and the customer's bank wants the rest.
void RefundAndDispute(const TellerPointer& teller, const ChargePointer& charge) {
  teller->ByRequest();
  MakeRefund(*teller, *charge, Payable(charge->currency, charge->amount / 3), "succeeded");
  teller->world().After(teller->random().Between(kDay, 9 * kDay), [=] {
    const bool won = teller->random().Chance(50);
    Disputes(teller, charge, won ? Aftermath::kDisputeWon : Aftermath::kDisputeLost);
  });
}

}  // namespace

void ScheduleAftermath(const TellerPointer& teller, const ChargePointer& charge) {
  World& world = teller->world();
  Aftermath kind = world.fates().aftermaths.Deal(teller->random());
  if (kind == Aftermath::kNothing) return;
  const bool disputes = kind >= Aftermath::kRefundAndDispute;
  // Bank debits are returned, not disputed, and a charge that released a part is not, either.
  if (disputes && (charge->method->type != "card" || charge->amount_refunded != 0))
    kind = Aftermath::kFullRefund;
  world.After(teller->random().Between(kHour, 20 * kDay), [=] {
    if (kind == Aftermath::kRefundAndDispute) {
      RefundAndDispute(teller, charge);
    } else if (kind > Aftermath::kRefundAndDispute) {
      Disputes(teller, charge, kind);
    } else {
      Refunds(teller, charge, kind);
    }
  });
}

}  // namespace billhook::simulate
