#include "projections/payment_ledger/payment_ledger.h"

#include <algorithm>
#include <limits>
#include <set>

#include "domain/check.h"
#include "projections/newest_events.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/family.h"
#include "projections/payment_ledger/manual_entries.h"

namespace billhook {

std::vector<const Table*> PaymentLedger::tables() const {
  return {&ledger::kSightingsTable, &ledger::kEntriesTable, &ledger::kOccurredTable, &ledger::kRecordedTable};
}

namespace {

using ledger::Entries;
using ledger::Entry;
using ledger::EntryVersions;
using ledger::Family;
using ledger::Scope;
using ledger::SightedObject;
using ledger::Sighting;
using stripe::MoneyKind;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

std::string_view ObjectOf(std::string_view event_type) {
  const std::optional<MoneyKind> kind = stripe::MoneyKindOf(event_type);
  BILLHOOK_CHECK(kind.has_value());
  return NameOf(*kind);
}

// One batch on its way: events to sightings, sightings to the families that they change, these to entries.
class Booking {
 public:
  Booking(ReadModel& read_model, Changes& changes)
      : read_model_(read_model), changes_(changes), bodies_(read_model, &ObjectOf) {}

  void Run(const std::vector<RecordedEvent>& batch) {
    TakeIn(batch);
    if (arrivals_.empty()) return;
    LoadFamilies();
    LetFamiliesArriveAnew();
    LoadTies();
    const std::vector<std::string> owners = Owners();
    EntryVersions recorded(ledger::kRecordedTable,
                           read_model_.Find(ledger::kRecordedTable, "owner_key", owners));
    EntryVersions occurred(ledger::kOccurredTable,
                           read_model_.Find(ledger::kOccurredTable, "owner_key", owners));
    FollowRecorded(recorded);
    FollowOccurred(occurred);
    WriteSightings();
    WriteEntries(owners);
    recorded.WriteDifferences(changes_);
    occurred.WriteDifferences(changes_);
  }

 private:
  struct Arrival {
    std::string object_key;
    Sighting sighting;
  };

  // A family that this batch changes.
  struct Touched {
    Family family;
    Scope scope;
    std::vector<ledger::Owner> owners;  // its members
    std::int64_t from_s = kEver;        // the first second of which the batch tells something
    std::vector<Entries> entries{};     // of each member, as they stand now

    // What the member of that index owns by these entries.
    [[nodiscard]] std::vector<ledger::BookedEntry> Booked(std::size_t member, const Entries& own) const {
      std::vector<ledger::BookedEntry> booked;
      for (const Entry& entry : own) booked.push_back(BookedFrom(entry, scope, owners[member]));
      return booked;
    }
  };

  void TakeIn(const std::vector<RecordedEvent>& batch) {
    for (const RecordedEvent& recorded : batch) {
      if (recorded.event.source != Source::kStripe) continue;
      const std::optional<MoneyKind> kind = stripe::MoneyKindOf(recorded.event.event_type);
      if (!kind) continue;
      Result<BodyPtr, std::string> read = ReadBody(read_model_, recorded, NameOf(*kind));
      if (!read) {
        changes_.dead_letters.push_back({&recorded, read.error()});
        continue;
      }
      const BodyPtr body = *std::move(read);
      Result<stripe::MoneyObject, std::string> decoded = stripe::DecodeMoneyObject(*kind, body->object);
      if (!decoded) {
        changes_.dead_letters.push_back({&recorded, decoded.error()});
        continue;
      }
      const Scope scope{body->tenant, body->livemode, body->account};
      Sighting sighting;
      sighting.parent_key = scope.ParentKeyOf(*decoded);
      sighting.moment = body->moment;
      sighting.event_id = body->id;
      sighting.position = recorded.position;
      sighting.recorded_at = recorded.recorded_at;
      sighting.funds_withdrawn = body->type.ends_with(".funds_withdrawn");
      sighting.funds_reinstated = body->type.ends_with(".funds_reinstated");
      std::string key = scope.Key(NameOf(*kind), decoded->id);
      sighting.state = *std::move(decoded);
      scopes_.emplace(key, scope);
      arrivals_.push_back({std::move(key), std::move(sighting)});
      bodies_.Add(body);
    }
  }

  // Every object that belongs together with one that events arrived for, with all its sightings.
  void LoadFamilies() {
    std::set<std::string> frontier;
    for (const Arrival& arrival : arrivals_) {
      frontier.insert(arrival.object_key);
      Relate(arrival.object_key, arrival.sighting.parent_key, frontier);
    }
    while (!frontier.empty()) {
      const std::vector<std::string> keys(frontier.begin(), frontier.end());
      frontier.clear();
      for (const std::string& key : keys) objects_[key].key = key;
      std::vector<Row> rows = read_model_.Find(ledger::kSightingsTable, "object_key", keys);
      for (const Row& row : rows) Remember(row, frontier);
      for (const Row& row : read_model_.Find(ledger::kSightingsTable, "parent_key", keys)) {
        // All sightings of a child, not only those that name this parent, come with the next round.
        if (objects_.count(ledger::ObjectKeyOf(row)) == 0) frontier.insert(ledger::ObjectKeyOf(row));
      }
    }
    GroupFamilies();
  }

  void Remember(const Row& row, std::set<std::string>& frontier) {
    const std::string& key = ledger::ObjectKeyOf(row);
    Sighting sighting = ledger::SightingFrom(row);
    Relate(key, sighting.parent_key, frontier);
    std::vector<Sighting>& sightings = objects_[key].sightings;
    const auto newer = [](const Sighting& a, const Sighting& b) {
      return std::tie(a.moment, a.rank) < std::tie(b.moment, b.rank);
    };
    sightings.insert(std::upper_bound(sightings.begin(), sightings.end(), sighting, newer),
                     std::move(sighting));
  }

  void Relate(const std::string& key, const std::string& parent_key, std::set<std::string>& frontier) {
    if (parent_key.empty() || !relatives_[key].insert(parent_key).second) return;
    relatives_[parent_key].insert(key);
    if (objects_.count(parent_key) == 0) frontier.insert(parent_key);
  }

  // Splits the objects into those that reach each other.
  void GroupFamilies() {
    for (const Arrival& arrival : arrivals_) {
      if (family_of_.count(arrival.object_key) == 1) continue;
      std::vector<const SightedObject*> members;
      std::vector<std::string> reached = {arrival.object_key};
      family_of_[arrival.object_key] = touched_.size();
      while (!reached.empty()) {
        const std::string key = std::move(reached.back());
        reached.pop_back();
        members.push_back(&objects_.at(key));
        for (const std::string& relative : relatives_[key]) {
          if (family_of_.emplace(relative, touched_.size()).second) reached.push_back(relative);
        }
      }
      // In order of key, so that nothing depends on who arrived first.
      std::sort(members.begin(), members.end(),
                [](const SightedObject* a, const SightedObject* b) { return a->key < b->key; });
      std::vector<ledger::Owner> owners;
      owners.reserve(members.size());
      for (const SightedObject* member : members) owners.push_back(ledger::OwnerOf(member->key));
      touched_.push_back({Family(std::move(members)), scopes_.at(arrival.object_key), std::move(owners)});
    }
    for (const Arrival& arrival : arrivals_) {
      Touched& touched = touched_[family_of_.at(arrival.object_key)];
      touched.from_s = std::min(touched.from_s, arrival.sighting.moment.created_s);
    }
  }

  // An event that could not be used when its turn came, and can now, changes what its family knew ever since:
  // all that was recorded of the family arrives again, in order.
  void LetFamiliesArriveAnew() {
    std::map<std::size_t, UnixMicros> latest;  // by family, of what is known already
    for (const auto& [key, object] : objects_) {
      for (const Sighting& sighting : object.sightings) {
        UnixMicros& at = latest[family_of_.at(key)];
        at = std::max(at, sighting.recorded_at);
      }
    }
    std::set<std::size_t> late;
    for (const Arrival& arrival : arrivals_) {
      const auto known = latest.find(family_of_.at(arrival.object_key));
      if (known != latest.end() && arrival.sighting.recorded_at < known->second) late.insert(known->first);
    }
    if (late.empty()) return;
    for (auto& [key, object] : objects_) {
      if (late.count(family_of_.at(key)) == 0) continue;
      scopes_.emplace(key, touched_[family_of_.at(key)].scope);
      for (Sighting& sighting : object.sightings) arrivals_.push_back({key, std::move(sighting)});
      object.sightings.clear();
    }
    std::sort(arrivals_.begin(), arrivals_.end(),
              [](const Arrival& a, const Arrival& b) { return a.sighting.position < b.sighting.position; });
  }

  // The payloads of the sightings that an arrival ties with: they are compared anew.
  void LoadTies() {
    std::map<std::pair<std::string_view, stripe::Moment>, std::vector<std::int64_t>> arriving;
    for (const Arrival& arrival : arrivals_)
      arriving[{arrival.object_key, arrival.sighting.moment}].push_back(arrival.sighting.position);
    std::vector<std::vector<std::int64_t>> ties;
    for (auto& [place, positions] : arriving) {
      for (const Sighting& known : objects_.at(std::string(place.first)).sightings) {
        if (known.moment == place.second) positions.push_back(known.position);
      }
      if (positions.size() > 1) ties.push_back(std::move(positions));
    }
    bodies_.Load(ties);
  }

  std::vector<std::string> Owners() const {
    std::vector<std::string> owners;
    for (const Touched& touched : touched_) {
      for (const ledger::Owner& owner : touched.owners) owners.push_back(owner.key);
    }
    return owners;
  }

  // What was known: the arrivals in order, those of one commit together.
  void FollowRecorded(EntryVersions& versions) {
    for (auto arrival = arrivals_.begin(); arrival != arrivals_.end();) {
      const UnixMicros at = arrival->sighting.recorded_at;
      std::set<std::size_t> families;
      std::set<std::pair<std::string, stripe::Moment>> moments;
      for (; arrival != arrivals_.end() && arrival->sighting.recorded_at == at; ++arrival) {
        moments.emplace(arrival->object_key, arrival->sighting.moment);
        objects_.at(arrival->object_key).Add(std::move(arrival->sighting));
        families.insert(family_of_.at(arrival->object_key));
      }
      for (const auto& [key, moment] : moments) Rank(objects_.at(key), moment);
      for (std::size_t family : families) {
        Touched& touched = touched_[family];
        touched.entries = touched.family.EntriesAt(kEver);
        for (std::size_t i = 0; i < touched.owners.size(); ++i) {
          versions.Rewind(touched.owners[i].key, at);
          versions.Observe(touched.owners[i].key, at, touched.Booked(i, touched.entries[i]));
        }
      }
    }
  }

  // What was true: each second from the first that the batch tells of.
  void FollowOccurred(EntryVersions& versions) {
    for (const Touched& touched : touched_) {
      for (const ledger::Owner& owner : touched.owners)
        versions.Rewind(owner.key, touched.from_s * kMicrosPerSecond);
      for (std::int64_t second : touched.family.SecondsFrom(touched.from_s)) {
        const std::vector<Entries> entries = touched.family.EntriesAt(second);
        for (std::size_t i = 0; i < entries.size(); ++i) {
          versions.Observe(touched.owners[i].key, second * kMicrosPerSecond, touched.Booked(i, entries[i]));
        }
      }
    }
  }

  // Puts the sightings of a moment in order, some of which are new.
  void Rank(SightedObject& object, const stripe::Moment& moment) {
    const auto [first, last] = object.RangeOf(moment);
    if (last - first > 1) {
      std::vector<stripe::Sighting> ties;
      for (std::size_t i = first; i < last; ++i)
        ties.push_back(bodies_.At(object.sightings[i].position).AsSighting());
      std::vector<Sighting> ordered;
      for (std::size_t i : stripe::InOrder(ties)) {
        ordered.push_back(std::move(object.sightings[first + i]));
        ordered.back().rank = static_cast<std::int64_t>(ordered.size()) - 1;
      }
      std::move(ordered.begin(), ordered.end(),
                object.sightings.begin() + static_cast<std::ptrdiff_t>(first));
    }
    std::vector<std::int64_t>& changed = changed_[object.key];
    for (std::size_t i = first; i < last; ++i) changed.push_back(object.sightings[i].position);
  }

  void WriteSightings() {
    for (const auto& [key, positions] : changed_) {
      const std::set<std::int64_t> changed(positions.begin(), positions.end());
      for (const Sighting& sighting : objects_.at(key).sightings) {
        if (changed.count(sighting.position) == 1)
          changes_.Put(ledger::kSightingsTable, RowOf(sighting, scopes_.at(key)));
      }
    }
  }

  void WriteEntries(const std::vector<std::string>& owners) {
    std::map<std::string, Row> entries;
    for (const Touched& touched : touched_) {
      for (std::size_t i = 0; i < touched.entries.size(); ++i) {
        for (const Entry& entry : touched.entries[i]) {
          Row row = EntryRow(entry, touched.scope, touched.owners[i]);
          std::string key = std::get<std::string>(row.front());
          entries.emplace(std::move(key), std::move(row));
        }
      }
    }
    for (const Row& row : read_model_.Find(ledger::kEntriesTable, "owner_key", owners)) {
      const std::string& key = std::get<std::string>(row.front());
      const auto now = entries.find(key);
      if (now == entries.end()) {
        changes_.Remove(ledger::kEntriesTable, key);
      } else if (now->second == row) {
        entries.erase(now);
      }
    }
    for (auto& [key, row] : entries) changes_.Put(ledger::kEntriesTable, std::move(row));
  }

  ReadModel& read_model_;
  Changes& changes_;
  EventBodies bodies_;
  std::vector<Arrival> arrivals_;  // in order of position
  std::map<std::string, Scope> scopes_;
  std::map<std::string, SightedObject> objects_;
  std::map<std::string, std::set<std::string>> relatives_;  // both ways, at any time
  std::vector<Touched> touched_;
  std::map<std::string, std::size_t> family_of_;  // index of touched_, by object key
  std::map<std::string, std::vector<std::int64_t>>
      changed_;  // positions of sightings to write, by object key
};

}  // namespace

Changes PaymentLedger::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  Booking(read_model, changes).Run(batch);
  ledger::BookManualEntries(batch, read_model, changes);
  return changes;
}

}  // namespace billhook
