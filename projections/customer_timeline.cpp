#include "projections/customer_timeline.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "domain/stripe/envelope.h"
#include "domain/stripe/event_body.h"
#include "domain/stripe/fields.h"
#include "domain/stripe/upcast.h"
#include "projections/body_json.h"
#include "projections/newest_events.h"
#include "projections/timeline_links.h"

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

using timeline::kFamilies;
using timeline::kMaxHops;
using timeline::NamesCustomer;
using timeline::TextIn;

// The object itself no longer names the customer then.
constexpr std::string_view kDetached = "payment_method.detached";

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
bool Wants(std::span<const std::string_view> around, std::string_view key) {
  constexpr std::string_view kOfEvent[] = {"data", "livemode", "account"};
  constexpr std::string_view kOfObject[] = {"object", "id", "livemode", "customer", "charge", "latest_charge",
                                            "invoice", "payment", "currency", "status", "payment_intent",
                                            // What older shapes tell a status, an amount or a link by.
                                            "paid", "forgiven", "closed", "attempted", "billing",
                                            "paid_out_of_band", "total", "charges"};
  const auto is_key = [key](std::string_view name) { return name == key; };
  switch (around.size()) {
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

// What an update changed is of interest where it alone names the customer.
bool WantsWithPrevious(std::span<const std::string_view> around, std::string_view key) {
  return Wants(around, key) || (around.size() == 2 && key == "previous_attributes");
}

std::optional<std::int64_t> AmountOf(const stripe::Fields& fields) {
  for (const char* name : kAmounts) {
    const Json* amount = fields.Find(name);
    if (amount != nullptr && amount->is_number_integer()) return amount->get<std::int64_t>();
  }
  return std::nullopt;
}

std::optional<std::string> WordOf(const stripe::Fields& fields, const char* key) {
  const Json* word = fields.Find(key);
  if (word == nullptr || !word->is_string() || !stripe::IsIdentifier(word->get_ref<const std::string&>()))
    return std::nullopt;
  return word->get<std::string>();
}

// One event as a row. Nothing if it concerns no customer, and never can.
class RowReader {
 public:
  explicit RowReader(const stripe::EventBody& event)
      : event_(event),
        newest_shape_(stripe::Upcast(event.object["object"].get_ref<const std::string&>(), event.object)),
        // NOLINTNEXTLINE(clang-analyzer-optin.cplusplus.UninitializedObject): Fields sets both
        fields_(newest_shape_, "event.data.object") {}

  Result<std::optional<Row>, std::string> Read() {
    const std::string object = fields_.Id("object");
    const std::optional<std::string> id = fields_.ExpandableId("id");
    const std::optional<std::string> customer = CustomerOf(object);
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
  std::optional<std::string> CustomerOf(const std::string& object) {
    if (object == "customer") return fields_.Id("id");
    std::optional<std::string> customer = fields_.ExpandableId("customer");
    if (customer || event_.type != kDetached || !event_.previous_attributes.is_object()) return customer;
    stripe::Fields previous(event_.previous_attributes, "previous_attributes");
    customer = previous.ExpandableId("customer");
    if (!previous.ok()) fields_.Fail("customer", "usable: " + previous.fault());
    return customer;
  }

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
    std::optional<std::string> currency = WordOf(fields_, "currency");
    if (currency) currency = stripe::LowerCase(*currency);
    JsonWriter body;
    body.Begin();
    body.Field("event_id", event_.id);
    body.Field("event_type", event_.type);
    body.Field("object", object);
    body.Field("object_id", id);
    body.Field("amount", AmountOf(fields_));
    body.Field("currency", currency);
    body.Field("status", WordOf(fields_, "status"));
    body.Field("livemode", event_.livemode);
    AccountField(body, event_.account);
    TimeField(body, "occurred_at", event_.moment.created_s);
    body.End();
    return body.TakeText();
  }

  const stripe::EventBody& event_;
  const stripe::Overlay newest_shape_;
  stripe::Fields fields_;
};

// One batch on its way: the rows that it brings, and those of their families.
class Linking {
 public:
  Linking(ReadModel& read_model, Changes& changes) : read_model_(read_model), changes_(changes) {}

  void Run(const std::vector<RecordedEvent>& batch) {
    TakeIn(batch);
    // Whoever waits so near to a family that this batch touches may get another customer.
    Families touched;
    for (const auto& [key, row] : rows_) NoteFamilies(row, touched);
    for (int hop = 0; hop <= kMaxHops; ++hop) LoadWaiting(touched);
    // All that these can look at.
    std::vector<Row*> waiting;
    Families looked_at;
    for (auto& [key, row] : rows_) {
      if (NamesCustomer(row)) continue;
      waiting.push_back(&row);
      NoteFamilies(row, looked_at);
    }
    for (int hop = 0; hop <= kMaxHops; ++hop) LoadAll(looked_at);
    for (Row* row : timeline::GiveCustomers(rows_, std::move(waiting))) written_.insert(row);
    for (Row* row : written_) changes_.Put(CustomerTimeline::kTable, std::move(*row));
  }

 private:
  struct Families {
    std::set<std::string> noted;
    std::set<std::string> loaded;  // those of them whose rows are here

    // Those that are not, and are now.
    std::vector<std::string> TakeMissing() {
      std::vector<std::string> keys;
      std::set_difference(noted.begin(), noted.end(), loaded.begin(), loaded.end(), std::back_inserter(keys));
      loaded = noted;
      return keys;
    }
  };

  void TakeIn(const std::vector<RecordedEvent>& batch) {
    for (const RecordedEvent& recorded : batch) {
      if (!Reads(recorded.event)) continue;
      const Result<BodyPtr, std::string> read = Read(recorded);
      if (!read) {
        changes_.dead_letters.push_back({&recorded, read.error()});
        continue;
      }
      const BodyPtr& body = *read;
      Result<std::optional<Row>, std::string> row = RowReader(*body).Read();
      if (!row) {
        changes_.dead_letters.push_back({&recorded, row.error()});
      } else if (std::optional<Row>& taken = *row) {
        written_.insert(Remember(*std::move(taken)));
      }
    }
  }

  // An event is of use here whatever is wrong with the parts that are of no interest.
  Result<BodyPtr, std::string> Read(const RecordedEvent& recorded) {
    if (BodyPtr brief = read_model_.BriefOf(recorded)) return brief;
    const bool detached = recorded.event.event_type == kDetached;
    Result<stripe::EventBody, std::string> body =
        stripe::ReadEventBody(recorded, detached ? &WantsWithPrevious : &Wants);
    if (!body) return Unexpected(body.error());
    return BodyPtr(std::make_shared<const stripe::EventBody>(*std::move(body)));
  }

  Row* Remember(Row row) {
    std::string key = std::get<std::string>(row[timeline::kRowKey]);
    return &rows_.emplace(std::move(key), std::move(row)).first->second;
  }

  static void NoteFamilies(const Row& row, Families& families) {
    for (std::size_t family : kFamilies) {
      if (const std::string* key = TextIn(row, family)) families.noted.insert(*key);
    }
  }

  // Loads those of the families that wait for a customer, and notes the families that lie one hop further.
  void LoadWaiting(Families& families) {
    static const Flag kWaiting = {CustomerTimeline::kTable.columns[timeline::kNamesCustomer].name, 0};
    const std::vector<std::string> keys = families.TakeMissing();
    if (keys.empty()) return;
    for (std::size_t family : kFamilies)
      Take(read_model_.FindFlagged(CustomerTimeline::kTable, NameOf(family), keys, kWaiting), families);
  }

  // The same with all of them.
  void LoadAll(Families& families) {
    const std::vector<std::string> keys = families.TakeMissing();
    if (keys.empty()) return;
    for (std::size_t family : kFamilies)
      Take(read_model_.Find(CustomerTimeline::kTable, NameOf(family), keys), families);
  }

  void Take(std::vector<Row> rows, Families& families) {
    for (Row& row : rows) {
      const Row& known = *Remember(std::move(row));
      if (!NamesCustomer(known)) NoteFamilies(known, families);
    }
  }

  static std::string_view NameOf(std::size_t column) { return CustomerTimeline::kTable.columns[column].name; }

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
