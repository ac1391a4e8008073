#include "projections/revenue/revenue.h"

#include <algorithm>
#include <charconv>

#include "domain/check.h"
#include "domain/sha256.h"
#include "domain/time.h"
#include "projections/newest_events.h"
#include "projections/revenue/movements.h"
#include "projections/subscription_events.h"

namespace billhook {

const Table Revenue::kSubscriptionsTable = {"revenue_subscriptions",
                                            {{"row_key"},
                                             {"tenant"},
                                             {"id"},
                                             {"livemode", ColumnType::kInteger},
                                             {"account"},
                                             {"mrr", ColumnType::kInteger},
                                             {"currency"},
                                             {"seconds"}}};

const Table Revenue::kMovementsTable = {"revenue_movements",
                                        {{"row_key"},
                                         {"owner"},
                                         {"tenant"},
                                         {"livemode", ColumnType::kInteger},
                                         {"account"},
                                         {"subscription"},
                                         {"currency"},
                                         {"occurred_at", ColumnType::kInteger},
                                         {"kind"},
                                         {"amount", ColumnType::kInteger}}};

namespace {

using revenue::Level;
using revenue::Movement;

constexpr char kFieldEnd = '\x1f';
constexpr char kSecondEnd = '\n';

constexpr std::string_view kSubscription = "subscription";

// What the newest event of one second tells.
struct Second {
  NewestEvents newest;
  std::int64_t mrr = 0;
  std::string currency;
  bool changed = false;
};

// The text up to the end mark, which is removed with it.
std::string_view TakeUntil(std::string_view& text, char end) {
  const std::size_t length = text.find(end);
  BILLHOOK_CHECK(length != std::string_view::npos);  // we wrote it
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length + 1);
  return taken;
}

// One subscription: where it belongs and what each second of its life tells.
struct Timeline {
  std::string tenant;
  std::string id;
  bool livemode = false;
  std::string account;
  std::map<std::int64_t, Second> seconds;
  bool changed = false;

  void Read(std::string_view text) {
    while (!text.empty()) {
      std::string_view line = TakeUntil(text, kSecondEnd);
      const std::string_view mrr = TakeUntil(line, kFieldEnd);
      Second second;
      std::from_chars(mrr.data(), mrr.data() + mrr.size(), second.mrr);
      second.newest = NewestEvents(std::string(TakeUntil(line, kFieldEnd)));
      second.currency = line;
      const std::int64_t at = second.newest.moment().created_s;
      seconds.emplace(at, std::move(second));
    }
  }

  [[nodiscard]] std::string ToText() const {
    std::string text;
    for (const auto& [at, second] : seconds) {
      text += std::to_string(second.mrr) + kFieldEnd + second.newest.ToText() + kFieldEnd + second.currency +
              kSecondEnd;
    }
    return text;
  }

  [[nodiscard]] std::vector<Level> Levels() const {
    std::vector<Level> levels;
    bool deleted = false;
    for (const auto& [at, second] : seconds) {
      // A deletion is the newest of its second, so none is overlooked.
      deleted = deleted || second.newest.moment().phase == stripe::Phase::kDeleted;
      levels.push_back({at, deleted ? 0 : second.mrr, second.currency});
    }
    return levels;
  }
};

class Accounting {
 public:
  Accounting(ReadModel& read_model, Changes& changes)
      : read_model_(read_model),
        changes_(changes),
        bodies_(read_model, [](std::string_view) { return kSubscription; }) {}

  void Run(const std::vector<RecordedEvent>& batch) {
    TakeIn(batch);
    if (arrived_.empty()) return;
    LoadTimelines();
    Fold();
    WriteDifferences();
  }

 private:
  void TakeIn(const std::vector<RecordedEvent>& batch) {
    for (const RecordedEvent& recorded : batch) {
      if (!TellsOfSubscription(recorded.event)) continue;
      Result<BodyPtr, std::string> read = ReadBody(read_model_, recorded, kSubscription);
      if (!read) {
        changes_.dead_letters.push_back({&recorded, read.error()});
        continue;
      }
      const stripe::EventBody& body = bodies_.Add(*std::move(read));
      const Result<stripe::Subscription, std::string> told = stripe::DecodeSubscription(body.object);
      if (!told) {
        changes_.dead_letters.push_back({&recorded, told.error()});
        continue;
      }
      const std::string key = SubscriptionKey(body, told->id);
      Timeline& timeline = timelines_[key];
      timeline.tenant = body.tenant;
      timeline.id = told->id;
      timeline.livemode = body.livemode;
      timeline.account = body.account;
      arrived_[key].push_back(&body);
    }
  }

  void LoadTimelines() {
    std::vector<std::string> keys;
    for (const auto& [key, events] : arrived_) keys.push_back(key);
    const Table& table = Revenue::kSubscriptionsTable;
    for (const Row& row : read_model_.Find(table, "row_key", keys)) {
      timelines_[std::get<std::string>(row[table.IndexOf("row_key")])].Read(
          std::get<std::string>(row[table.IndexOf("seconds")]));
    }
  }

  void Fold() {
    std::vector<std::vector<std::int64_t>> needed;
    for (const auto& [key, events] : arrived_) {
      Timeline& timeline = timelines_[key];
      for (const stripe::EventBody* event : events) {
        Second& second = timeline.seconds[event->moment.created_s];
        if (second.newest.Add(*event)) second.changed = timeline.changed = true;
      }
      for (const auto& [at, second] : timeline.seconds) {
        if (second.changed) needed.push_back(second.newest.positions());
      }
    }
    bodies_.Load(needed);
    for (auto& [key, timeline] : timelines_) {
      for (auto& [at, second] : timeline.seconds) {
        if (second.changed) Tell(second);
      }
    }
  }

  void Tell(Second& second) {
    const Result<stripe::Subscription, std::string> newest =
        stripe::DecodeSubscription(second.newest.Newest(bodies_).object);
    BILLHOOK_CHECK(newest.has_value());  // unusable events are never taken in
    second.currency = newest->currency.value_or("");
    // A tiered price tells no revenue, and an amount of no currency is none.
    second.mrr = newest->currency ? newest->mrr.value_or(0) : 0;
  }

  void WriteDifferences() {
    std::map<std::string, std::string> keys_by_owner;
    for (const auto& [key, timeline] : timelines_) {
      if (timeline.changed) keys_by_owner[Revenue::OwnerOf(key)] = key;
    }
    std::vector<std::string> owners;
    owners.reserve(keys_by_owner.size());
    for (const auto& [owner, key] : keys_by_owner) owners.push_back(owner);
    std::map<std::string, Row> before;
    for (Row& row : read_model_.Find(Revenue::kMovementsTable, "owner", owners)) {
      std::string row_key = std::get<std::string>(row.front());
      before.emplace(std::move(row_key), std::move(row));
    }
    for (const auto& [owner, key] : keys_by_owner) {
      const Timeline& timeline = timelines_.at(key);
      const std::vector<Level> levels = timeline.Levels();
      changes_.Put(Revenue::kSubscriptionsTable,
                   {key, timeline.tenant, timeline.id, std::int64_t{timeline.livemode}, timeline.account,
                    levels.back().mrr, levels.back().currency, timeline.ToText()});
      for (const Movement& movement : revenue::MovementsOf(levels)) {
        Row row = RowOf(movement, owner, timeline);
        const auto known = before.find(std::get<std::string>(row.front()));
        const bool same = known != before.end() && known->second == row;
        if (known != before.end()) before.erase(known);
        if (!same) changes_.Put(Revenue::kMovementsTable, std::move(row));
      }
    }
    for (const auto& [row_key, row] : before) changes_.Remove(Revenue::kMovementsTable, row_key);
  }

  static Row RowOf(const Movement& movement, const std::string& owner, const Timeline& timeline) {
    return {JoinKey({owner, movement.currency, std::to_string(movement.occurred_at_s)}),
            owner,
            timeline.tenant,
            std::int64_t{timeline.livemode},
            timeline.account,
            timeline.id,
            movement.currency,
            movement.occurred_at_s * kMicrosPerSecond,
            std::string(movement.kind),
            movement.amount};
  }

  ReadModel& read_model_;
  Changes& changes_;
  EventBodies bodies_;
  std::map<std::string, std::vector<const stripe::EventBody*>> arrived_;
  std::map<std::string, Timeline> timelines_;
};

}  // namespace

std::string Revenue::OwnerOf(std::string_view row_key) {
  return ToHex(Sha256({row_key})).substr(0, 32);
}

Changes Revenue::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  Accounting(read_model, changes).Run(batch);
  return changes;
}

}  // namespace billhook
