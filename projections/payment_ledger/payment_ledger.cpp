#include "projections/payment_ledger/payment_ledger.h"

#include <set>

#include "domain/check.h"
#include "domain/time.h"
#include "projections/payment_ledger/source_objects.h"

namespace billhook {

const Table PaymentLedger::kEntriesTable = {"ledger_entries",
                                            {{"row_key"},
                                             {"owner_key"},
                                             {"tenant"},
                                             {"id"},
                                             {"type"},
                                             {"source"},
                                             {"amount", ColumnType::kInteger},
                                             {"currency"},
                                             {"livemode", ColumnType::kInteger},
                                             {"account"},
                                             {"customer"},
                                             {"debit"},
                                             {"credit"},
                                             {"occurred_at", ColumnType::kInteger},
                                             {"body"}}};

std::vector<const Table*> PaymentLedger::tables() const {
  return {&ledger::kObjectsTable, &kEntriesTable};
}

namespace {

using ledger::Entries;
using ledger::Entry;
using ledger::KnownObject;
using ledger::Scope;
using ledger::SourceObject;
using stripe::MoneyKind;
using OrderedJson = nlohmann::ordered_json;

std::string_view ObjectTypeOf(std::string_view event_type) {
  const std::optional<MoneyKind> kind = stripe::MoneyKindOf(event_type);
  BILLHOOK_CHECK(kind.has_value());
  return NameOf(*kind);
}

OrderedJson OrNull(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson(nullptr);
}

Row RowOf(const Entry& entry, const Scope& scope, const std::string& owner_key) {
  const std::string id = entry.type + ":" + entry.source;
  const OrderedJson postings = {{{"ledger_account", entry.debit}, {"amount", entry.amount}},
                                {{"ledger_account", entry.credit}, {"amount", -entry.amount}}};
  const OrderedJson body = {
      {"id", id},
      {"type", entry.type},
      {"source", entry.source},
      {"amount", entry.amount},
      {"currency", entry.currency},
      {"livemode", scope.livemode},
      {"account", scope.account.empty() ? OrderedJson(nullptr) : OrderedJson(scope.account)},
      {"customer", OrNull(entry.customer)},
      {"payment_intent", OrNull(entry.payment_intent)},
      {"charge", OrNull(entry.charge)},
      {"invoice", OrNull(entry.invoice)},
      {"occurred_at", FormatRfc3339(entry.occurred_at_s * kMicrosPerSecond)},
      {"updated_by", entry.updated_by},
      {"postings", postings}};
  // The owner's key may be longer than an index takes together with the ID: its digest stands for it.
  return {JoinKey({ToHex(Sha256({owner_key})).substr(0, 32), id}),
          owner_key,
          scope.tenant,
          id,
          entry.type,
          entry.source,
          entry.amount,
          entry.currency,
          std::int64_t{scope.livemode},
          scope.account,
          entry.customer ? Cell(*entry.customer) : Cell(),
          entry.debit,
          entry.credit,
          entry.occurred_at_s * kMicrosPerSecond,
          body.dump()};
}

// One batch on its way: events to objects, objects to the entries that they touch.
class Booking {
 public:
  Booking(ReadModel& read_model, Changes& changes) : read_model_(read_model), changes_(changes) {}

  void Run(const std::vector<RecordedEvent>& batch) {
    TakeIn(batch);
    if (arrived_.empty()) return;
    Fold();
    LoadFamilies();
    for (const std::string& owner : owners_) BookOwner(owner);
    WriteDifferences();
  }

 private:
  struct Arrived {
    Scope scope;
    std::vector<std::pair<const stripe::EventBody*, bool>>
        events;  // each with whether it lists balance transactions
    bool newest_changed = false;
    bool listing_changed = false;
  };

  void TakeIn(const std::vector<RecordedEvent>& batch) {
    for (const RecordedEvent& recorded : batch) {
      if (recorded.event.source != Source::kStripe) continue;
      const std::optional<MoneyKind> kind = stripe::MoneyKindOf(recorded.event.event_type);
      if (!kind) continue;
      Result<stripe::EventBody, std::string> body = stripe::ReadEventBody(recorded, NameOf(*kind));
      if (!body) {
        changes_.dead_letters.push_back({&recorded, body.error()});
        continue;
      }
      const Result<stripe::MoneyObject, std::string> decoded = stripe::DecodeMoneyObject(*kind, body->object);
      if (!decoded) {
        changes_.dead_letters.push_back({&recorded, decoded.error()});
        continue;
      }
      const Scope scope{body->tenant, body->livemode, body->account};
      Arrived& arrived = arrived_[scope.Key(NameOf(*kind), decoded->id)];
      arrived.scope = scope;
      decoded_.emplace(recorded.position, *decoded);
      arrived.events.emplace_back(&bodies_.Add(*std::move(body)), !decoded->balance_transactions.empty());
    }
  }

  // Brings each object that events arrived for to its newest state.
  void Fold() {
    std::vector<std::string> keys;
    for (const auto& [key, arrived] : arrived_) keys.push_back(key);
    Remember(read_model_.Find(ledger::kObjectsTable, "row_key", keys));

    std::vector<std::int64_t> needed;
    const auto need = [&needed](const NewestEvents& newest) {
      needed.insert(needed.end(), newest.positions().begin(), newest.positions().end());
    };
    for (auto& [key, arrived] : arrived_) {
      KnownObject& known = objects_[key];
      NoteFamilies(known);  // what it belonged to before
      for (const auto& [event, lists_transactions] : arrived.events) {
        arrived.newest_changed |= known.newest.Add(*event);
        if (lists_transactions) arrived.listing_changed |= known.newest_listing.Add(*event);
        known.object.funds_withdrawn |= event->type.ends_with(".funds_withdrawn");
        known.object.funds_reinstated |= event->type.ends_with(".funds_reinstated");
      }
      if (arrived.newest_changed) need(known.newest);
      if (arrived.listing_changed) need(known.newest_listing);
    }
    bodies_.Load(needed, read_model_, &ObjectTypeOf);

    for (const auto& [key, arrived] : arrived_) {
      KnownObject& known = objects_[key];
      known.scope = arrived.scope;
      if (arrived.newest_changed) TakeState(known);
      if (arrived.listing_changed) {
        known.object.state.balance_transactions =
            Decode(known.newest_listing.Newest(bodies_)).balance_transactions;
      }
      NoteFamilies(known);  // and what it belongs to now
      changes_.Put(ledger::kObjectsTable, ledger::RowOf(known));
    }
  }

  // The newest state, but for the balance transactions, which have a newest event of their own.
  void TakeState(KnownObject& known) {
    const stripe::EventBody& newest = known.newest.Newest(bodies_);
    std::vector<stripe::BalanceTransaction> transactions = std::move(known.object.state.balance_transactions);
    known.object.state = Decode(newest);
    known.object.state.balance_transactions = std::move(transactions);
    known.object.moment = newest.moment;
    known.object.event_id = newest.id;
  }

  stripe::MoneyObject Decode(const stripe::EventBody& body) {
    const auto known = decoded_.find(body.position);
    if (known != decoded_.end()) return known->second;
    Result<stripe::MoneyObject, std::string> decoded =
        stripe::DecodeMoneyObject(*stripe::MoneyKindOf(body.type), body.object);
    BILLHOOK_CHECK(decoded.has_value());  // unusable events are never taken in
    return *std::move(decoded);
  }

  // The charges and payments whose entries the object has a say in, and the object itself.
  void NoteFamilies(const KnownObject& known) {
    if (known.object.state.id.empty()) return;  // not known before
    const std::string key = known.Key();
    owners_.insert(key);
    switch (known.object.state.kind) {
      case MoneyKind::kCharge:
        charges_.insert(key);
        payments_.insert(known.PaymentKey());
        break;
      case MoneyKind::kPaymentIntent:
        payments_.insert(key);
        break;
      case MoneyKind::kRefund:
      case MoneyKind::kDispute:
        if (const std::string charge = known.ChargeKey(); !charge.empty()) charges_.insert(charge);
        break;
      case MoneyKind::kPayout:
      case MoneyKind::kInvoice:
      case MoneyKind::kInvoicePayment:
        break;
    }
  }

  // Every object of the charges and payments that this batch touches, so that each family is complete.
  void LoadFamilies() {
    std::vector<std::string> heads(charges_.begin(), charges_.end());
    heads.insert(heads.end(), payments_.begin(), payments_.end());
    Remember(read_model_.Find(ledger::kObjectsTable, "row_key", heads));
    // A charge without an intent owns its payment too, also when only a refund of it brought us here.
    for (const std::string& charge : charges_) {
      const auto known = objects_.find(charge);
      if (known != objects_.end() && known->second.PaymentKey() == charge) payments_.insert(charge);
    }
    Remember(read_model_.Find(ledger::kObjectsTable, "charge_key", {charges_.begin(), charges_.end()}));
    Remember(read_model_.Find(ledger::kObjectsTable, "payment_key", {payments_.begin(), payments_.end()}));
    owners_.insert(charges_.begin(), charges_.end());
    owners_.insert(payments_.begin(), payments_.end());
    for (const auto& [key, known] : objects_) {
      if (const std::string charge = known.ChargeKey(); charges_.count(charge) == 1) {
        by_charge_[charge].push_back(&known);
        owners_.insert(key);  // its links come from the charge
      }
      if (const std::string payment = known.PaymentKey(); payments_.count(payment) == 1) {
        charges_by_payment_[payment].push_back(&known.object);
        scopes_.emplace(payment, known.scope);
      }
      scopes_.emplace(key, known.scope);
    }
  }

  void Remember(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const std::string& key = std::get<std::string>(row.front());
      if (objects_.count(key) == 0) objects_.emplace(key, ledger::KnownObjectFrom(row));
    }
  }

  [[nodiscard]] const SourceObject* ObjectAt(const std::string& key) const {
    const auto known = objects_.find(key);
    return known == objects_.end() ? nullptr : &known->second.object;
  }

  // All entries that come from the object at `owner`, or from the intent of that key while only its charges
  // have arrived.
  void BookOwner(const std::string& owner) {
    const auto known = objects_.find(owner);
    const SourceObject* object = known == objects_.end() ? nullptr : &known->second.object;
    if (payments_.count(owner) == 1) BookPayment(owner, object);
    if (object == nullptr) return;
    const SourceObject* charge = ObjectAt(known->second.ChargeKey());
    switch (object->state.kind) {
      case MoneyKind::kCharge: {
        std::vector<const SourceObject*> refunds;
        for (const KnownObject* related : by_charge_[owner]) {
          if (related->object.state.kind == MoneyKind::kRefund) refunds.push_back(&related->object);
        }
        Book(owner, RefundRestEntries(*object, refunds));
        charge = object;
        break;
      }
      case MoneyKind::kRefund:
        Book(owner, RefundEntries(*object, charge));
        break;
      case MoneyKind::kDispute:
        Book(owner, DisputeEntries(*object, charge));
        break;
      case MoneyKind::kPayout:
        Book(owner, PayoutEntries(*object));
        break;
      case MoneyKind::kInvoice:
      case MoneyKind::kInvoicePayment:
        Book(owner, OutOfBandEntries(*object));
        break;
      case MoneyKind::kPaymentIntent:
        break;
    }
    Book(owner, FeeEntries(*object, charge));
  }

  void BookPayment(const std::string& owner, const SourceObject* object) {
    const std::vector<const SourceObject*>& charges = charges_by_payment_[owner];
    const bool is_charge = object != nullptr && object->state.kind == MoneyKind::kCharge;
    if (object == nullptr && charges.empty()) return;
    const std::string source =
        object != nullptr ? object->state.id : charges.front()->state.payment_intent.value();
    Book(owner, PaymentEntries(source, is_charge ? nullptr : object, charges));
  }

  void Book(const std::string& owner, const Entries& entries) {
    for (const Entry& entry : entries) {
      Row row = RowOf(entry, scopes_.at(owner), owner);
      std::string key = std::get<std::string>(row.front());
      booked_[std::move(key)] = std::move(row);
    }
  }

  void WriteDifferences() {
    const std::vector<Row> before =
        read_model_.Find(PaymentLedger::kEntriesTable, "owner_key", {owners_.begin(), owners_.end()});
    for (const Row& row : before) {
      const std::string& key = std::get<std::string>(row.front());
      const auto now = booked_.find(key);
      if (now == booked_.end()) {
        changes_.Remove(PaymentLedger::kEntriesTable, key);
      } else if (now->second == row) {
        booked_.erase(now);
      }
    }
    for (auto& [key, row] : booked_) changes_.Put(PaymentLedger::kEntriesTable, std::move(row));
  }

  ReadModel& read_model_;
  Changes& changes_;
  EventBodies bodies_;
  std::map<std::int64_t, stripe::MoneyObject> decoded_;  // this batch's, by position
  std::map<std::string, Arrived> arrived_;
  std::map<std::string, KnownObject> objects_;
  std::set<std::string> owners_;    // whose entries are booked anew
  std::set<std::string> charges_;   // keys of charges that are touched
  std::set<std::string> payments_;  // keys of payments that are touched: intents, and charges without one
  std::map<std::string, std::vector<const KnownObject*>> by_charge_;
  std::map<std::string, std::vector<const SourceObject*>> charges_by_payment_;
  std::map<std::string, Scope> scopes_;
  std::map<std::string, Row> booked_;
};

}  // namespace

Changes PaymentLedger::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  Booking(read_model, changes).Run(batch);
  return changes;
}

}  // namespace billhook
