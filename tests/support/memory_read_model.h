// A read model in memory: rows in maps beside a log in a vector, so that projections can be driven without
// any database. It applies what a projection answers as the storage does, and checks the shape of each row on
// the way. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "domain/json.h"
#include "projections/projection.h"

namespace billhook::test {

class MemoryReadModel : public ReadModel {
 public:
  explicit MemoryReadModel(const Projection& projection) : projection_(projection) {}

  std::vector<Row> Find(const Table& table, std::string_view column,
                        const std::vector<std::string>& values) override;
  std::vector<RecordedEvent> EventsAt(const std::vector<std::int64_t>& positions) override;
  std::vector<RecordedEvent> StreamAfter(const Event& member, std::int64_t version) override;

  // Records the events behind those before (their positions are given here, and are the seconds of their
  // recorded_at) and lets the projection apply them as one batch, without the payloads that it says it does
  // not read.
  void Apply(std::vector<RecordedEvent> batch);

  // Records the event, which its projection could not use at the time; Retry lets it apply it after all, and
  // says whether it now could.
  void Skip(RecordedEvent recorded);
  bool Retry(std::int64_t position);

  // The table's rows, each as an object of its columns; a column `body` as the document in it.
  [[nodiscard]] std::vector<Json> Rows(const Table& table) const;
  // The reasons by Stripe event ID.
  [[nodiscard]] const std::map<std::string, std::string>& dead_letters() const { return dead_letters_; }

  // All that must come out the same however the events arrived, one line a row or dead letter: the
  // projection's tables but for the columns that keep positions or times of recording.
  [[nodiscard]] std::string Fingerprint() const;

 private:
  // Gives the event its place in the log.
  void Record(RecordedEvent& recorded);
  // Says whether all of them could be used.
  bool ApplyRecorded(std::vector<RecordedEvent> batch);

  const Projection& projection_;
  std::vector<RecordedEvent> log_;
  std::map<const Table*, std::map<std::string, Row>> rows_;
  std::map<std::string, std::string> dead_letters_;
};

}  // namespace billhook::test
