// A projection: a named pure function from events to changes of the tables it owns. It reads no clock and
// does no I/O of its own: what it needs of earlier events it asks of a ReadModel. For the same set of events
// every order, batching and duplication must end in the same rows (own bookkeeping such as positions aside).
// Projections are immutable and thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/event.h"
#include "projections/table.h"

namespace billhook::stripe {
struct EventBody;
}

namespace billhook {

// What a projection may ask for while it applies a batch: its own rows as they stand, and recorded events.
class ReadModel {
 public:
  virtual ~ReadModel() = default;
  // The rows whose `column` has one of `values`, in no particular order.
  virtual std::vector<Row> Find(const Table& table, std::string_view column,
                                const std::vector<std::string>& values) = 0;
  // Those of these rows that bear the flag. Overridden by who need not look at the others.
  virtual std::vector<Row> FindFlagged(const Table& table, std::string_view column,
                                       const std::vector<std::string>& values, const Flag& flag);
  // The events at these positions, in no particular order.
  virtual std::vector<RecordedEvent> EventsAt(const std::vector<std::int64_t>& positions) = 0;
  // The next events of the stream that `member` belongs to, behind that version and in order of version, as
  // many as are read at a time; none behind the last. None, either, beyond what the rows are to show once
  // the batch is applied.
  virtual std::vector<RecordedEvent> StreamAfter(const Event& member, std::int64_t version) = 0;
  // What an event of the batch, or one from EventsAt, says in brief (domain/stripe/brief_body.h); nullptr
  // where anything is wrong with it. Overridden by who lets projections share it.
  virtual std::shared_ptr<const stripe::EventBody> BriefOf(const RecordedEvent& recorded);
};

// An event that the projection cannot use; the reason quotes nothing of it.
struct DeadLetter {
  const RecordedEvent* event = nullptr;
  std::string reason;
};

// The last word on each row that a batch touched, by table and row key; nothing = the row goes.
struct Changes {
  std::map<const Table*, std::map<std::string, std::optional<Row>>> rows;
  std::vector<DeadLetter> dead_letters;

  void Put(const Table& table, Row row);
  void Remove(const Table& table, const std::string& row_key);
};

class Projection {
 public:
  virtual ~Projection() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Raised whenever the same events would give other rows: the read model is then rebuilt.
  [[nodiscard]] virtual int version() const = 0;
  [[nodiscard]] virtual std::vector<const Table*> tables() const = 0;
  // The beginnings of the event types whose payload it reads: of other events the payload may be left out.
  [[nodiscard]] virtual std::vector<std::string_view> payloads() const = 0;
  // The changes that a batch of consecutive events makes.
  [[nodiscard]] virtual Changes Apply(const std::vector<RecordedEvent>& batch,
                                      ReadModel& read_model) const = 0;
};

// Joins the parts of a row key. No part holds the separator: identifiers have no control characters.
std::string JoinKey(std::initializer_list<std::string_view> parts);

}  // namespace billhook
