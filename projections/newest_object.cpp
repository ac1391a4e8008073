#include "projections/newest_object.h"

#include "domain/check.h"
#include "projections/newest_events.h"

namespace billhook {
namespace {

struct Arrived {
  const stripe::EventBody* event;
  bool deletes;
};

struct KnownObject {
  NewestEvents newest;
  bool deleted = false;
  bool changed = false;
};

Row RowOf(const std::string& key, const KnownObject& known, const stripe::EventBody& newest,
          const ObjectModel& model) {
  ObjectRow shown = model.row(newest, known.deleted);
  Row row = {key, newest.tenant, std::move(shown.id), std::int64_t{newest.livemode}, newest.account};
  for (Cell& cell : shown.columns) row.push_back(std::move(cell));
  row.emplace_back(std::int64_t{known.deleted});
  row.emplace_back(known.newest.ToText());
  row.emplace_back(std::move(shown.body));
  BILLHOOK_CHECK(row.size() == model.table.columns.size());
  return row;
}

}  // namespace

Table NewestObjectTable(std::string_view name, const std::vector<Column>& own_columns) {
  Table table = {name, {{"row_key"}, {"tenant"}, {"id"}, {"livemode", ColumnType::kInteger}, {"account"}}};
  table.columns.insert(table.columns.end(), own_columns.begin(), own_columns.end());
  for (const Column& column : {Column{"deleted", ColumnType::kInteger}, Column{"newest"}, Column{"body"}})
    table.columns.push_back(column);
  return table;
}

Changes ApplyNewest(const ObjectModel& model, const std::vector<RecordedEvent>& batch,
                    ReadModel& read_model) {
  Changes changes;
  EventBodies bodies(read_model, [&model](std::string_view) { return model.object; });
  std::map<std::string, std::vector<Arrived>> arrived;
  for (const RecordedEvent& recorded : batch) {
    if (recorded.event.source != Source::kStripe || !model.reads(recorded.event.event_type)) continue;
    Result<BodyPtr, std::string> read = ReadBody(read_model, recorded, model.object);
    if (!read) {
      changes.dead_letters.push_back({&recorded, read.error()});
      continue;
    }
    const stripe::EventBody& body = bodies.Add(*std::move(read));
    const Result<ObjectSighting, std::string> sighting = model.judge(body.object);
    if (!sighting) {
      changes.dead_letters.push_back({&recorded, sighting.error()});
      continue;
    }
    const std::string key =
        JoinKey({body.tenant, body.livemode ? "live" : "test", body.account, sighting->id});
    const bool deletes = sighting->deleted || body.moment.phase == stripe::Phase::kDeleted;
    arrived[key].push_back({&body, deletes});
  }
  if (arrived.empty()) return changes;

  std::vector<std::string> keys;
  keys.reserve(arrived.size());
  for (const auto& [key, events] : arrived) keys.push_back(key);
  std::map<std::string, KnownObject> known;
  for (const Row& row : read_model.Find(model.table, "row_key", keys)) {
    KnownObject& object = known[std::get<std::string>(row.front())];
    object.newest = NewestEvents(std::get<std::string>(row[model.table.IndexOf("newest")]));
    object.deleted = std::get<std::int64_t>(row[model.table.IndexOf("deleted")]) != 0;
  }

  std::vector<std::vector<std::int64_t>> needed;
  for (const auto& [key, events] : arrived) {
    KnownObject& object = known[key];
    for (const auto& [event, deletes] : events) {
      object.changed |= object.newest.Add(*event) || (deletes && !object.deleted);
      object.deleted |= deletes;
    }
    if (object.changed) needed.push_back(object.newest.positions());
  }
  bodies.Load(needed);
  for (const auto& [key, object] : known) {
    if (object.changed) changes.Put(model.table, RowOf(key, object, object.newest.Newest(bodies), model));
  }
  return changes;
}

}  // namespace billhook
