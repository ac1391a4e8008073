#include "projections/subscriptions.h"

#include "domain/check.h"
#include "domain/stripe/subscription.h"
#include "domain/time.h"
#include "projections/newest_events.h"

namespace billhook {

const Table Subscriptions::kTable = {"subscriptions",
                                     {{"row_key"},
                                      {"tenant"},
                                      {"id"},
                                      {"livemode", ColumnType::kInteger},
                                      {"account"},
                                      {"status"},
                                      {"customer"},
                                      {"prices"},
                                      {"deleted", ColumnType::kInteger},
                                      {"newest"},
                                      {"body"}}};

namespace {

using OrderedJson = nlohmann::ordered_json;

struct KnownSubscription {
  NewestEvents newest;
  bool deleted = false;
  bool changed = false;
};

std::string_view ObjectTypeOf(std::string_view) {
  return "subscription";
}

template <typename T>
OrderedJson OrNull(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson TimeOrNull(const std::optional<std::int64_t>& seconds) {
  return seconds ? OrderedJson(FormatRfc3339(*seconds * kMicrosPerSecond)) : OrderedJson(nullptr);
}

OrderedJson ItemsBody(const std::vector<stripe::SubscriptionItem>& items) {
  OrderedJson list = OrderedJson::array();
  for (const stripe::SubscriptionItem& item : items) {
    list.push_back({{"id", OrNull(item.id)},
                    {"price", OrNull(item.price)},
                    {"product", OrNull(item.product)},
                    {"quantity", OrNull(item.quantity)},
                    {"unit_amount", OrNull(item.unit_amount)},
                    {"interval", OrNull(item.interval)},
                    {"interval_count", item.interval_count}});
  }
  return list;
}

// The prices in a form that a filter can look into: each between two separators.
std::string PricesText(const std::vector<stripe::SubscriptionItem>& items) {
  std::string text = "\x1f";
  for (const stripe::SubscriptionItem& item : items) {
    if (item.price) text += *item.price + "\x1f";
  }
  return text;
}

Row RowOf(const std::string& key, const KnownSubscription& known, const stripe::EventBody& newest) {
  Result<stripe::Subscription, std::string> decoded = stripe::DecodeSubscription(newest.object);
  BILLHOOK_CHECK(decoded.has_value());  // unusable events are never taken in
  stripe::Subscription subscription = *std::move(decoded);
  if (known.deleted) {
    subscription.status = "canceled";
    subscription.mrr = 0;
  }
  return {key,
          newest.tenant,
          subscription.id,
          std::int64_t{newest.livemode},
          newest.account,
          subscription.status,
          subscription.customer ? Cell(*subscription.customer) : Cell(),
          PricesText(subscription.items),
          std::int64_t{known.deleted},
          known.newest.ToText(),
          SubscriptionBody(subscription, newest)};
}

}  // namespace

std::string SubscriptionBody(const stripe::Subscription& subscription, const stripe::EventBody& newest) {
  return OrderedJson(
             {{"id", subscription.id},
              {"customer", OrNull(subscription.customer)},
              {"status", subscription.status},
              {"livemode", newest.livemode},
              {"account", newest.account.empty() ? OrderedJson(nullptr) : OrderedJson(newest.account)},
              {"currency", OrNull(subscription.currency)},
              {"items", ItemsBody(subscription.items)},
              {"current_period_start", TimeOrNull(subscription.current_period_start)},
              {"current_period_end", TimeOrNull(subscription.current_period_end)},
              {"cancel_at", TimeOrNull(subscription.cancel_at)},
              {"cancel_at_period_end", subscription.cancel_at_period_end},
              {"canceled_at", TimeOrNull(subscription.canceled_at)},
              {"trial_start", TimeOrNull(subscription.trial_start)},
              {"trial_end", TimeOrNull(subscription.trial_end)},
              {"started_at", TimeOrNull(subscription.started_at)},
              {"ended_at", TimeOrNull(subscription.ended_at)},
              {"latest_invoice", OrNull(subscription.latest_invoice)},
              {"collection_method", OrNull(subscription.collection_method)},
              {"mrr", OrNull(subscription.mrr)},
              {"metadata", subscription.metadata},
              {"updated_by", newest.id},
              {"updated_at", FormatRfc3339(newest.moment.created_s * kMicrosPerSecond)}})
      .dump();
}

Changes Subscriptions::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  EventBodies bodies;
  std::map<std::string, std::vector<const stripe::EventBody*>> arrived;
  for (const RecordedEvent& recorded : batch) {
    const Event& event = recorded.event;
    if (event.source != Source::kStripe || !event.event_type.starts_with("customer.subscription.")) continue;
    Result<stripe::EventBody, std::string> body = stripe::ReadEventBody(recorded, "subscription");
    if (!body) {
      changes.dead_letters.push_back({&recorded, body.error()});
      continue;
    }
    const Result<stripe::Subscription, std::string> decoded = stripe::DecodeSubscription(body->object);
    if (!decoded) {
      changes.dead_letters.push_back({&recorded, decoded.error()});
      continue;
    }
    const std::string key =
        JoinKey({body->tenant, body->livemode ? "live" : "test", body->account, decoded->id});
    arrived[key].push_back(&bodies.Add(*std::move(body)));
  }
  if (arrived.empty()) return changes;

  std::vector<std::string> keys;
  keys.reserve(arrived.size());
  for (const auto& [key, events] : arrived) keys.push_back(key);
  std::map<std::string, KnownSubscription> known;
  for (Row& row : read_model.Find(kTable, "row_key", keys)) {
    KnownSubscription& subscription = known[std::get<std::string>(row[kTable.IndexOf("row_key")])];
    subscription.newest = NewestEvents(std::get<std::string>(row[kTable.IndexOf("newest")]));
    subscription.deleted = std::get<std::int64_t>(row[kTable.IndexOf("deleted")]) != 0;
  }

  std::vector<std::int64_t> needed;
  for (const auto& [key, events] : arrived) {
    KnownSubscription& subscription = known[key];
    for (const stripe::EventBody* event : events) {
      subscription.changed |= subscription.newest.Add(*event);
      if (event->moment.phase == stripe::Phase::kDeleted && !subscription.deleted) {
        subscription.deleted = true;
        subscription.changed = true;
      }
    }
    const std::vector<std::int64_t>& positions = subscription.newest.positions();
    if (subscription.changed) needed.insert(needed.end(), positions.begin(), positions.end());
  }
  bodies.Load(needed, read_model, &ObjectTypeOf);
  for (const auto& [key, subscription] : known) {
    if (subscription.changed)
      changes.Put(kTable, RowOf(key, subscription, subscription.newest.Newest(bodies)));
  }
  return changes;
}

}  // namespace billhook
