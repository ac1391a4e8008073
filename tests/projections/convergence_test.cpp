// The one promise of every read model: for the same set of events each order of arrival, batching and
// doubling ends in the same rows. The events are drawn from few objects, seconds and states, so that ties,
// chains, links that come before what they link to, and events that cannot be used are the norm.
#include "tests/support/convergence.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "projections/customer_timeline.h"
#include "projections/customers.h"
#include "projections/invoices.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "projections/registry.h"
#include "projections/subscriptions.h"

namespace billhook {
namespace {

using test::MemoryReadModel;
using test::StripeEvent;
using test::With;

// Turns a number into choices: rapidcheck draws the numbers, and shrinks them to the first choice of each.
class Choices {
 public:
  explicit Choices(std::uint64_t tape) : tape_(tape) {}

  std::uint64_t Below(std::uint64_t count) {
    const std::uint64_t choice = tape_ % count;
    tape_ /= count;
    return choice;
  }
  bool OneIn(std::uint64_t count) { return Below(count) == count - 1; }
  template <typename T>
  T Of(std::initializer_list<T> all) {
    return all.begin()[Below(all.size())];
  }

 private:
  std::uint64_t tape_;
};

using Draw = std::pair<Json, std::string> (*)(Choices& choices);  // an object and a type of event about it

std::pair<Json, std::string> DrawSubscription(Choices& choices) {
  Json object = test::Subscription(
      choices.Of<std::string>({"sub_1", "sub_2"}),
      choices.Of<std::string>({"active", "past_due", "trialing", "canceled", "a status of tomorrow"}));
  object["metadata"] = {{"step", choices.Below(3)}};
  if (choices.OneIn(3)) object["latest_invoice"] = choices.Of({"in_1", "in_2"});
  return {object, "customer.subscription." +
                      choices.Of<std::string>({"updated", "created", "trial_will_end", "paused", "deleted"})};
}

std::pair<Json, std::string> DrawCharge(Choices& choices) {
  Json charge = test::Charge(choices.Of<std::string>({"ch_1", "ch_2"}), choices.Of({1000, 700}));
  if (choices.OneIn(2)) charge["payment_intent"] = choices.Of({"pi_1", "pi_2"});
  if (choices.OneIn(3)) charge["status"] = choices.Of({"pending", "failed"});
  if (choices.OneIn(3)) charge["amount_captured"] = 600;
  if (choices.OneIn(4)) charge["captured"] = false;
  if (choices.OneIn(2)) charge["amount_refunded"] = choices.Of({100, 700});
  if (choices.OneIn(3)) charge["customer"] = choices.Of({"cus_1", "cus_2"});
  if (choices.OneIn(4))
    charge["balance_transaction"] = test::BalanceTransaction("txn_1", 1000, choices.Of({30, 31}));
  return {charge, "charge." + choices.Of<std::string>({"updated", "succeeded", "refunded", "captured"})};
}

std::pair<Json, std::string> DrawRefund(Choices& choices) {
  Json refund = test::Refund(choices.Of<std::string>({"re_1", "re_2"}), choices.Of({100, 200}),
                             choices.Of<std::string>({"ch_1", "ch_2"}),
                             choices.Of<std::string>({"succeeded", "pending", "failed", "canceled"}));
  if (choices.OneIn(4)) refund["charge"] = nullptr;
  if (choices.OneIn(3)) refund["payment_intent"] = choices.Of({"pi_1", "pi_2"});
  if (choices.OneIn(4))
    refund["balance_transaction"] = test::BalanceTransaction("txn_2", -100, choices.Of({0, -3}));
  return {refund, choices.Of<std::string>(
                      {"refund.updated", "refund.created", "charge.refund.updated", "refund.failed"})};
}

std::pair<Json, std::string> DrawDispute(Choices& choices) {
  Json dispute = test::Dispute(
      choices.Of<std::string>({"dp_1", "dp_2"}), choices.Of({500, 900}),
      choices.Of<std::string>({"ch_1", "ch_2"}),
      choices.Of<std::string>({"needs_response", "under_review", "won", "lost", "warning_closed"}));
  if (choices.OneIn(3)) {
    const std::string currency = choices.Of<std::string>({"usd", "eur"});
    dispute["balance_transactions"] = {
        test::BalanceTransaction("txn_3", -500, 15, currency),
        test::BalanceTransaction("txn_4", choices.Of({500, 0}), choices.Of({-15, 0}), currency)};
  }
  return {dispute, "charge.dispute." + choices.Of<std::string>({"updated", "created", "closed",
                                                                "funds_withdrawn", "funds_reinstated"})};
}

std::pair<Json, std::string> DrawInvoice(Choices& choices) {
  Json invoice = test::Invoice(choices.Of<std::string>({"in_1", "in_2"}),
                               choices.Of<std::string>({"open", "paid", "void", "draft"}));
  invoice["paid_out_of_band"] = choices.OneIn(2);
  invoice["amount_paid"] = choices.Of({0, 900});
  return {invoice, "invoice." + choices.Of<std::string>({"updated", "created", "paid", "deleted"})};
}

std::pair<Json, std::string> DrawCustomer(Choices& choices) {
  Json customer = test::Customer(choices.Of<std::string>({"cus_1", "cus_2"}),
                                 choices.Of<std::string>({"a@example.com", "b@example.com"}));
  if (choices.OneIn(4)) customer["deleted"] = true;
  return {customer, "customer." + choices.Of<std::string>({"updated", "created", "deleted"})};
}

std::pair<Json, std::string> DrawIntent(Choices& choices) {
  return {test::PaymentIntent(choices.Of<std::string>({"pi_1", "pi_2"}), choices.Of({0, 700, 1000})),
          "payment_intent." + choices.Of<std::string>({"succeeded", "created", "processing"})};
}

std::pair<Json, std::string> DrawInvoicePayment(Choices& choices) {
  const Json payment =
      choices.OneIn(2) ? Json{{"type", "payment_record"}, {"payment_record", "pr_1"}}
                       : Json{{"type", "payment_intent"}, {"payment_intent", choices.Of({"pi_1", "pi_2"})}};
  return {{{"object", "invoice_payment"},
           {"id", choices.Of({"inpay_1", "inpay_2"})},
           {"invoice", choices.Of({"in_1", "in_2"})},
           {"status", choices.Of({"open", "paid"})},
           {"amount_paid", choices.Of({0, 400})},
           {"currency", "usd"},
           {"payment", payment}},
          "invoice_payment.paid"};
}

// What the timeline has to link: few objects of every kind that name each other, and seldom a customer.
std::pair<Json, std::string> DrawLinked(Choices& choices) {
  std::pair<Json, std::string> drawn = choices.Of<Draw>(
      {&DrawCharge, &DrawRefund, &DrawDispute, &DrawInvoice, &DrawIntent, &DrawInvoicePayment})(choices);
  Json& object = drawn.first;
  if (choices.OneIn(3)) object["payment_intent"] = choices.Of({"pi_1", "pi_2"});
  if (choices.OneIn(3)) object["latest_charge"] = choices.Of({"ch_1", "ch_2"});
  object["customer"] = nullptr;
  if (choices.OneIn(3)) object["customer"] = choices.Of({"cus_1", "cus_2", "cus_3"});
  return drawn;
}

std::pair<Json, std::string> DrawOtherMoney(Choices& choices) {
  switch (choices.Below(4)) {
    case 0:
      return DrawIntent(choices);
    case 1:
      return {test::Payout(choices.Of<std::string>({"po_1", "po_2"}), 5000,
                           choices.Of<std::string>({"pending", "in_transit", "paid", "failed"})),
              "payout." + choices.Of<std::string>({"updated", "created", "paid", "failed"})};
    case 2:
      return DrawInvoicePayment(choices);
    default:
      return DrawInvoice(choices);
  }
}

std::pair<Json, std::string> DrawMoney(Choices& choices) {
  return choices.Of<Draw>(
      {&DrawCharge, &DrawCharge, &DrawRefund, &DrawRefund, &DrawDispute, &DrawOtherMoney})(choices);
}

// What of `earlier` another object has otherwise: the previous_attributes of an update from the one to the
// other.
Json Difference(const Json& earlier, const Json& later) {
  Json previous = Json::object();
  for (const auto& [key, value] : earlier.items()) {
    const auto now = later.find(key);
    if (now == later.end() || *now != value) previous[key] = value;
  }
  return previous;
}

// An event a tape. What makes them a history: some say that they follow an earlier one, some repeat one under
// another ID.
std::vector<StripeEvent> EventsFrom(const std::vector<std::uint64_t>& tapes, Draw draw) {
  std::vector<StripeEvent> events;
  for (std::uint64_t tape : tapes) {
    Choices choices(tape);
    StripeEvent event;
    event.created_s = test::kNoon + static_cast<std::int64_t>(choices.Below(2));
    const std::uint64_t link = choices.Below(3);
    const std::uint64_t flaw = choices.Below(16);
    if (choices.OneIn(8)) event.account = "acct_1";
    if (choices.OneIn(8)) event.livemode = false;
    std::tie(event.object, event.type) = draw(choices);
    for (auto earlier = events.rbegin(); link == 1 && earlier != events.rend(); ++earlier) {
      if (!earlier->object.is_object() || earlier->object["id"] != event.object["id"]) continue;
      event.previous_attributes = Difference(earlier->object, event.object);
      event.created_s = earlier->created_s;
      break;
    }
    if (link == 2 && !events.empty()) event = events[tape % events.size()];
    // IDs in no order of arrival or time.
    event.id = "evt_" + std::to_string((events.size() * 7 + 3) % 64) + "_" + std::to_string(events.size());
    if (flaw == 15) event.payload = R"({"data":{"object":{"object":"charge","a":1,"a":1}}})";
    if (flaw == 14)
      event.object = With(event.object.is_object() ? event.object : Json::object(), {{"id", 7}});
    if (flaw == 13) event.object = nullptr;
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<std::uint64_t> GenTapes() {
  const auto tape = rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>());
  return *rc::gen::resize(40, rc::gen::container<std::vector<std::uint64_t>>(tape));
}

void CheckJournal(const MemoryReadModel& read_model) {
  std::map<std::string, std::int64_t> balances;  // by scope and currency, over all ledger accounts
  std::set<std::string> ids;
  for (const Json& row : read_model.Rows(ledger::kEntriesTable)) {
    const std::string scope = row["account"].get<std::string>() + " " + row["livemode"].dump() + " ";
    RC_ASSERT(ids.insert(scope + row["owner_key"].get<std::string>() + row["id"].get<std::string>()).second);
    std::int64_t sum = 0;
    for (const Json& posting : row["body"]["postings"]) sum += posting["amount"].get<std::int64_t>();
    RC_ASSERT(sum == 0);
    RC_ASSERT(row["debit"] == row["body"]["postings"][0]["ledger_account"]);
    RC_ASSERT(row["credit"] == row["body"]["postings"][1]["ledger_account"]);
    for (const char* column : {"id", "type", "source", "amount", "currency"})
      RC_ASSERT(row[column] == row["body"][column]);
    balances[scope + row["currency"].get<std::string>()] += sum;
  }
  for (const auto& [scope, balance] : balances) RC_ASSERT(balance == 0);
}

// Holds every way of arrival against a rebuild in one batch.
void CheckConvergence(const Projection& projection, Draw draw) {
  const std::vector<StripeEvent> events = EventsFrom(GenTapes(), draw);
  const std::vector<RecordedEvent> log = Recorded(events);
  const MemoryReadModel rebuilt = test::Project(projection, log, std::max<std::size_t>(1, log.size()));
  const std::string expected = rebuilt.Fingerprint();
  RC_ASSERT(test::Project(projection, log, 1).Fingerprint() == expected);
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  for (int i = 0; i < 8; ++i) {
    const MemoryReadModel outcome = test::ProjectShuffled(projection, log, random);
    RC_ASSERT(outcome.Fingerprint() == expected);
    if (projection.name() == "payment_ledger") CheckJournal(outcome);
  }
}

RC_GTEST_PROP(Convergence, HoldsForSubscriptionsHoweverTheirEventsArrive, ()) {
  for (int i = 0; i < 2; ++i) CheckConvergence(Subscriptions(), &DrawSubscription);
}

RC_GTEST_PROP(Convergence, HoldsForTheLedgerHoweverItsEventsArrive, ()) {
  for (int i = 0; i < 2; ++i) CheckConvergence(PaymentLedger(), &DrawMoney);
}

RC_GTEST_PROP(Convergence, HoldsForCustomersAndInvoicesHoweverTheirEventsArrive, ()) {
  CheckConvergence(Customers(), &DrawCustomer);
  CheckConvergence(Invoices(), &DrawInvoice);
}

RC_GTEST_PROP(Convergence, HoldsForTheTimelineHoweverItsEventsArrive, ()) {
  for (int i = 0; i < 2; ++i) CheckConvergence(CustomerTimeline(), &DrawLinked);
}

RC_GTEST_PROP(Convergence, HoldsForEveryProjectionOverAllKindsOfEvents, ()) {
  const Draw any = [](Choices& choices) {
    return choices.Of<Draw>({&DrawMoney, &DrawSubscription, &DrawCustomer, &DrawInvoice, &DrawLinked})(
        choices);
  };
  for (const Projection* projection : AllProjections()) CheckConvergence(*projection, any);
}

RC_GTEST_PROP(Convergence, HoldsForEveryOrderOfFewEvents, ()) {
  std::vector<std::uint64_t> tapes = GenTapes();
  tapes.resize(std::min<std::size_t>(tapes.size(), 4));
  if (tapes.empty()) return;
  const PaymentLedger ledger;
  const Subscriptions subscriptions;
  const CustomerTimeline timeline;
  const std::vector<std::pair<const Projection*, Draw>> subjects = {
      {&ledger, &DrawMoney}, {&subscriptions, &DrawSubscription}, {&timeline, &DrawLinked}};
  const auto [projection, draw] = *rc::gen::elementOf(subjects);
  static_cast<void>(test::ProjectInEveryOrder(*projection, EventsFrom(tapes, draw)));
  RC_ASSERT(!::testing::Test::HasFailure());
}

// An event that is about an object in a state that another event has told already changes nothing but who
// told it last.
RC_GTEST_PROP(Convergence, CountsTwoEventsAboutOneStateOnce, ()) {
  const std::vector<StripeEvent> events = EventsFrom(GenTapes(), &DrawMoney);
  std::vector<StripeEvent> doubled = events;
  for (const StripeEvent& event : events) {
    StripeEvent twin = event;
    twin.id += "_twin";
    doubled.push_back(twin);
  }
  const PaymentLedger ledger;
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  const auto booked = [](const MemoryReadModel& read_model) {
    std::vector<Json> rows = read_model.Rows(ledger::kEntriesTable);
    for (Json& row : rows) row["body"].erase("updated_by");
    return rows;
  };
  RC_ASSERT(booked(test::ProjectShuffled(ledger, Recorded(events), random)) ==
            booked(test::ProjectShuffled(ledger, Recorded(doubled), random)));
}

// What an entry's rows in all three tables have in common.
std::vector<Json> Contents(std::vector<Json> rows) {
  for (Json& row : rows) {
    for (const char* own : {"row_key", "body", "since", "until"}) row.erase(own);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<Json> StandingAt(const MemoryReadModel& read_model, const Table& table, UnixMicros at) {
  std::vector<Json> rows = read_model.Rows(table);
  std::erase_if(rows, [at](const Json& row) { return row["since"] > at || row["until"] <= at; });
  return Contents(std::move(rows));
}

RC_GTEST_PROP(LedgerHistory, TellsAtEachTimeWhatTheEventsOfThatTimeAloneTell, ()) {
  const PaymentLedger ledger;
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  std::vector<RecordedEvent> log = Recorded(EventsFrom(GenTapes(), &DrawMoney));
  std::shuffle(log.begin(), log.end(), random);
  const MemoryReadModel whole = test::ProjectInBatches(ledger, log, random);
  for (std::int64_t second : {test::kNoon - 1, test::kNoon, test::kNoon + 1, test::kNoon + 2}) {
    std::vector<RecordedEvent> happened = log;
    std::erase_if(happened, [second](const RecordedEvent& recorded) {
      return recorded.event.occurred_at > second * kMicrosPerSecond;
    });
    const MemoryReadModel then = test::Project(ledger, happened, 3);
    RC_ASSERT((StandingAt(whole, ledger::kOccurredTable, second * kMicrosPerSecond) ==
               Contents(then.Rows(ledger::kEntriesTable))));
  }
  for (std::size_t known = 0; known <= log.size(); ++known) {
    const MemoryReadModel then = test::Project(
        ledger, {log.begin(), log.begin() + static_cast<std::ptrdiff_t>(known)}, log.size() + 1);
    RC_ASSERT((StandingAt(whole, ledger::kRecordedTable, static_cast<UnixMicros>(known) * kMicrosPerSecond) ==
               Contents(then.Rows(ledger::kEntriesTable))));
  }
}

// A dead letter that is applied after all ends as if it had never failed.
RC_GTEST_PROP(LateApplication, EndsAsIfTheEventHadNeverFailed, ()) {
  const std::vector<RecordedEvent> log = Recorded(EventsFrom(GenTapes(), [](Choices& choices) {
    return choices.OneIn(3) ? DrawSubscription(choices) : DrawMoney(choices);
  }));
  std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
  for (const Projection* projection : AllProjections()) {
    const MemoryReadModel smooth = test::Project(*projection, log, 4);
    MemoryReadModel late(*projection);
    std::vector<std::int64_t> failed;
    for (const RecordedEvent& recorded : log) {
      if (random() % 3 == 0) {
        late.Skip(recorded);
        failed.push_back(static_cast<std::int64_t>(&recorded - log.data()) + 1);
      } else {
        late.Apply({recorded});
      }
    }
    std::shuffle(failed.begin(), failed.end(), random);
    for (std::int64_t position : failed) late.Retry(position);
    RC_ASSERT(late.Fingerprint() == smooth.Fingerprint());
    for (const Table* table : projection->tables()) RC_ASSERT((late.Rows(*table) == smooth.Rows(*table)));
  }
}

}  // namespace
}  // namespace billhook
