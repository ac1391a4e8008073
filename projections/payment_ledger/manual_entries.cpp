#include "projections/payment_ledger/manual_entries.h"

#include <set>

#include "domain/ledger.h"
#include "domain/upcast.h"
#include "projections/payment_ledger/entry_versions.h"

namespace billhook::ledger {
namespace {

struct Arrival {
  const RecordedEvent* recorded = nullptr;
  ledger_commands::Booking booking;
  Owner owner;
};

Entry EntryOf(const Arrival& arrival) {
  const Event& event = arrival.recorded->event;
  Entry entry;
  entry.type = arrival.booking.is_adjustment ? "adjustment" : "manual_payment";
  entry.source = event.aggregate_id;
  entry.amount = arrival.booking.amount;
  entry.currency = arrival.booking.currency;
  entry.debit = arrival.booking.is_adjustment ? "adjustments" : "external";
  entry.credit = "payments";
  entry.customer = arrival.booking.customer;
  entry.occurred_at_s = event.occurred_at / kMicrosPerSecond;
  entry.updated_by = event.id;
  return entry;
}

}  // namespace

void BookManualEntries(const std::vector<RecordedEvent>& batch, ReadModel& read_model, Changes& changes) {
  std::vector<Arrival> arrivals;
  std::vector<std::string> owners;
  for (const RecordedEvent& recorded : batch) {
    const Event& event = recorded.event;
    if (event.source == Source::kStripe || event.aggregate_type != ledger_commands::kAggregateType) continue;
    // A booking's form depends on nothing that was booked before it.
    const Result<Json, std::string> data = ReadData(event, Json());
    std::optional<ledger_commands::Booking> booking;
    if (data) booking = ledger_commands::ReadBooking(event.event_type, *data);
    if (!booking) {
      changes.dead_letters.push_back({&recorded, "the booking's ID, amount or currency cannot be used"});
      continue;
    }
    // One key for live and test: the ID is booked once.
    Owner owner = OwnerOf(
        JoinKey({event.tenant, ledger_commands::kAggregateType, event.event_type, event.aggregate_id}));
    owners.push_back(owner.key);
    arrivals.push_back({&recorded, *std::move(booking), std::move(owner)});
  }
  if (arrivals.empty()) return;
  std::set<std::string> booked;
  for (const Row& row : read_model.Find(kEntriesTable, "owner_key", owners))
    booked.insert(std::get<std::string>(row[kEntriesTable.IndexOf("owner_key")]));
  EntryVersions occurred(kOccurredTable, {});
  EntryVersions recorded(kRecordedTable, {});
  for (const Arrival& arrival : arrivals) {
    if (!booked.insert(arrival.owner.key).second) {
      changes.dead_letters.push_back({arrival.recorded, "something is booked already under this ID"});
      continue;
    }
    const Scope scope{arrival.recorded->event.tenant, arrival.booking.livemode, ""};
    const Entry entry = EntryOf(arrival);
    changes.Put(kEntriesTable, EntryRow(entry, scope, arrival.owner));
    occurred.Observe(arrival.owner.key, entry.occurred_at_s * kMicrosPerSecond,
                     {BookedFrom(entry, scope, arrival.owner)});
    recorded.Observe(arrival.owner.key, arrival.recorded->recorded_at,
                     {BookedFrom(entry, scope, arrival.owner)});
  }
  occurred.WriteDifferences(changes);
  recorded.WriteDifferences(changes);
}

}  // namespace billhook::ledger
