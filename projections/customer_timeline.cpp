#include "projections/customer_timeline.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "domain/stripe/envelope.h"
#include "domain/stripe/event_body.h"
#include "domain/stripe/fields.h"
#include "projections/body_json.h"

namespace billhook {

const Table CustomerTimeline::kTable = {"customer_timeline",
                                        {{"row_key"},
                                         {"tenant"},
                                         {"event_id"},
                                         {"livemode", ColumnType::kInteger},
                                         {"account"},
                                         {"customer"},
                                         {"names_customer", ColumnType::kInteger},
                                         {"occurred_at", ColumnType::kInteger},
                                         {"phase", ColumnType::kInteger},
                                         {"own_key"},
                                         {"link_key"},
                                         {"second_link_key"},
                                         {"body"}}};

namespace {

// The columns in the table's order.
enum : std::size_t {
  kRowKey,
  kTenant,
  kEventId,
  kLivemode,
  kAccount,
  kCustomer,       // null while no event of its families names one
  kNamesCustomer,  // whether the event itself does
  kOccurredAt,
  kPhase,
  // The families that the event is of, each the key of a charge, payment intent or invoice, or null: its own
  // object, and what that belongs to. The first of them that has a customer gives it to the event.
  kOwnKey,
  kLinkKey,
  kSecondLinkKey,
  kBody
};
constexpr std::array<std::size_t, 3> kFamilies = {kOwnKey, kLinkKey, kSecondLinkKey};

// The beginnings of the types of events whose objects may concern a customer.
constexpr std::string_view kBeginnings[] = {"customer.",
                                            "charge.",
                                            "payment_intent.",
                                            "invoice.",
                                            "invoice_payment.",
                                            "invoiceitem.",
                                            "refund.",
                                            "checkout.session.",
                                            "subscription_schedule.",
                                            "credit_note.",
                                            "setup_intent.",
                                            "payment_method.",
                                            "billing.",
                                            "cash_balance.",
                                            "customer_cash_balance_transaction.",
                                            "quote.",
                                            "radar.",
                                            "review."};

bool Reads(const Event& event) {
  const auto begins = [&event](std::string_view beginning) {
    return event.event_type.starts_with(beginning);
  };
  return event.source == Source::kStripe &&
         std::any_of(std::begin(kBeginnings), std::end(kBeginnings), begins);
}

// What Stripe calls the amount that an object is about, the first that there is.
constexpr const char* kAmounts[] = {"amount", "amount_total", "amount_due", "amount_paid",
                                    "amount_requested"};

// Most of an event is of no interest here, and left out of the document that is made of it.
bool Wants(std::size_t depth, std::string_view key) {
  constexpr std::string_view kOfEvent[] = {"data", "livemode", "account"};
  constexpr std::string_view kOfObject[] = {"object",        "id",      "livemode", "customer", "charge",
                                            "latest_charge", "invoice", "payment",  "currency", "status",
                                            "payment_intent"};
  const auto is_key = [key](std::string_view name) { return name == key; };
  switch (depth) {
    case 1:
      return std::any_of(std::begin(kOfEvent), std::end(kOfEvent), is_key);
    case 2:
      return key == "object" || key == "id";
    case 3:
      return std::any_of(std::begin(kOfObject), std::end(kOfObject), is_key) ||
             std::any_of(std::begin(kAmounts), std::end(kAmounts), is_key);
    default:
      return true;
  }
}

OrderedJson AmountOf(const stripe::Fields& fields) {
  for (const char* name : kAmounts) {
    const Json* amount = fields.Find(name);
    if (amount != nullptr && amount->is_number_integer()) return amount->get<std::int64_t>();
  }
  return nullptr;
}

OrderedJson WordOf(const stripe::Fields& fields, const char* key) {
  const Json* word = fields.Find(key);
  if (word == nullptr || !word->is_string() || !stripe::IsIdentifier(word->get_ref<const std::string&>()))
    return nullptr;
  return word->get<std::string>();
}

// One event as a row. Nothing if it concerns no customer, and never can.
class RowReader {
 public:
  explicit RowReader(const stripe::EventBody& event)
      : event_(event), fields_(event.object, "event.data.object") {}

  Result<std::optional<Row>, std::string> Read() {
    const std::string object = fields_.Id("object");
    const std::optional<std::string> id = fields_.ExpandableId("id");
    const std::optional<std::string> customer =
        object == "customer" ? fields_.Id("id") : fields_.ExpandableId("customer");
    std::array<Cell, 3> families = FamiliesOf(object, id, customer.has_value());
    if (!fields_.ok()) return Unexpected(fields_.fault());
    const auto is_set = [](const Cell& cell) { return std::holds_alternative<std::string>(cell); };
    if (!customer && std::none_of(families.begin(), families.end(), is_set)) return std::optional<Row>();
    Row row = {JoinKey({event_.tenant, event_.id}),
               event_.tenant,
               event_.id,
               std::int64_t{event_.livemode},
               event_.account,
               customer ? Cell(*customer) : Cell(),
               std::int64_t{customer.has_value()},
               event_.moment.created_s * kMicrosPerSecond,
               static_cast<std::int64_t>(event_.moment.phase),
               std::move(families[0]),
               std::move(families[1]),
               std::move(families[2]),
               BodyText(object, id)};
    return std::optional<Row>(std::move(row));
  }

 private:
  [[nodiscard]] Cell Key(std::string_view kind, const std::optional<std::string>& id) const {
    if (!id) return {};
    return JoinKey({event_.tenant, event_.livemode ? "live" : "test", event_.account, kind, *id});
  }

  // Only charges, payment intents and invoices give their customer to others; an object without one takes it.
  std::array<Cell, 3> FamiliesOf(const std::string& object, const std::optional<std::string>& id,
                                 bool names_customer) {
    const auto link = [this](const char* kind, const char* key) {
      return Key(kind, fields_.ExpandableId(key));
    };
    if (object == "charge") return {Key(object, id), link("payment_intent", "payment_intent"), Cell()};
    if (object == "payment_intent") return {Key(object, id), link("charge", "latest_charge"), Cell()};
    if (object == "invoice") return {Key(object, id), Cell(), Cell()};
    if (names_customer) return {};
    if (object == "invoice_payment") return {Cell(), link("invoice", "invoice"), IntentOfInvoicePayment()};
    return {Cell(), link("charge", "charge"), link("payment_intent", "payment_intent")};
  }

  Cell IntentOfInvoicePayment() {
    const Json* payment = fields_.Find("payment");
    if (payment == nullptr) return {};
    stripe::Fields how(*payment, "payment");
    Cell intent = Key("payment_intent", how.ExpandableId("payment_intent"));
    if (!how.ok()) fields_.Fail("payment", "usable: " + how.fault());
    return intent;
  }

  // The event as callers see it.
  [[nodiscard]] std::string BodyText(const std::string& object, const std::optional<std::string>& id) const {
    OrderedJson currency = WordOf(fields_, "currency");
    if (currency.is_string()) currency = stripe::LowerCase(currency.get<std::string>());
    return OrderedJson({{"event_id", event_.id},
                        {"event_type", event_.type},
                        {"object", object},
                        {"object_id", OrNull(id)},
                        {"amount", AmountOf(fields_)},
                        {"currency", std::move(currency)},
                        {"status", WordOf(fields_, "status")},
                        {"livemode", event_.livemode},
                        {"account", AccountOrNull(event_.account)},
                        {"occurred_at", TimeOrNull(event_.moment.created_s)}})
        .dump();
  }

  const stripe::EventBody& event_;
  stripe::Fields fields_;
};

const std::string* TextIn(const Row& row, std::size_t column) {
  return std::get_if<std::string>(&row[column]);
}

bool NamesCustomer(const Row& row) {
  return std::get<std::int64_t>(row[kNamesCustomer]) == 1;
}

bool IsNewer(const Row& a, const Row& b) {
  return std::tie(a[kOccurredAt], a[kPhase], a[kEventId]) > std::tie(b[kOccurredAt], b[kPhase], b[kEventId]);
}

// One batch on its way: the rows that it brings, and those of their families.
class Linking {
 public:
  Linking(ReadModel& read_model, Changes& changes) : read_model_(read_model), changes_(changes) {}

  void Run(const std::vector<RecordedEvent>& batch) {
    TakeIn(batch);
    std::set<std::string> touched;
    for (const auto& [key, row] : rows_) NoteFamilies(row, touched);
    // Whoever waits in a family that this batch touches may get another customer.
    LoadFamilies(touched);
    std::vector<Row*> waiting;
    std::set<std::string> of_the_waiting;
    for (auto& [key, row] : rows_) {
      if (NamesCustomer(row)) continue;
      waiting.push_back(&row);
      NoteFamilies(row, of_the_waiting);
    }
    for (const std::string& key : touched) of_the_waiting.erase(key);
    LoadFamilies(of_the_waiting);
    GiveCustomers(waiting);
    for (Row* row : written_) changes_.Put(CustomerTimeline::kTable, std::move(*row));
  }

 private:
  void TakeIn(const std::vector<RecordedEvent>& batch) {
    for (const RecordedEvent& recorded : batch) {
      if (!Reads(recorded.event)) continue;
      const Result<stripe::EventBody, std::string> body = stripe::ReadEventBody(recorded, &Wants);
      if (!body) {
        changes_.dead_letters.push_back({&recorded, body.error()});
        continue;
      }
      Result<std::optional<Row>, std::string> row = RowReader(*body).Read();
      if (!row) {
        changes_.dead_letters.push_back({&recorded, row.error()});
      } else if (std::optional<Row>& taken = *row) {
        written_.insert(Remember(*std::move(taken)));
      }
    }
  }

  Row* Remember(Row row) {
    std::string key = std::get<std::string>(row[kRowKey]);
    return &rows_.emplace(std::move(key), std::move(row)).first->second;
  }

  static void NoteFamilies(const Row& row, std::set<std::string>& families) {
    for (std::size_t family : kFamilies) {
      if (const std::string* key = TextIn(row, family)) families.insert(*key);
    }
  }

  void LoadFamilies(const std::set<std::string>& families) {
    if (families.empty()) return;
    const std::vector<std::string> keys(families.begin(), families.end());
    for (std::size_t family : kFamilies) {
      const std::string_view column = CustomerTimeline::kTable.columns[family].name;
      for (Row& row : read_model_.Find(CustomerTimeline::kTable, column, keys)) Remember(std::move(row));
    }
  }

  void GiveCustomers(const std::vector<Row*>& waiting) {
    std::map<std::string_view, const Row*> newest;  // the event that names a family's customer
    for (const auto& [row_key, row] : rows_) {
      if (!NamesCustomer(row)) continue;
      for (std::size_t family : kFamilies) {
        const std::string* key = TextIn(row, family);
        if (key == nullptr) continue;
        const Row*& known = newest[*key];
        if (known == nullptr || IsNewer(row, *known)) known = &row;
      }
    }
    for (Row* row : waiting) {
      for (std::size_t family : kFamilies) {
        const std::string* key = TextIn(*row, family);
        const auto naming = key == nullptr ? newest.end() : newest.find(*key);
        if (naming == newest.end()) continue;
        if ((*row)[kCustomer] != (*naming->second)[kCustomer]) {
          (*row)[kCustomer] = (*naming->second)[kCustomer];
          written_.insert(row);
        }
        break;
      }
    }
  }

  ReadModel& read_model_;
  Changes& changes_;
  std::map<std::string, Row> rows_;  // by row key
  std::set<Row*> written_;           // those of them that are new or changed
};

}  // namespace

std::vector<std::string_view> CustomerTimeline::payloads() const {
  return {std::begin(kBeginnings), std::end(kBeginnings)};
}

Changes CustomerTimeline::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  Linking(read_model, changes).Run(batch);
  return changes;
}

}  // namespace billhook
