// The rows that some of a timeline's events make of a projection, computed in memory by the projection's own
// code: for reads that no stored rows can answer. Memory grows with the rows, not with the payloads. One
// thread; throws StorageError.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "projections/projection.h"
#include "service/storage/timeline.h"

namespace billhook::query {

class ScratchModel : public ReadModel {
 public:
  // Rows of tables other than `kept` are forgotten: nothing that is kept may depend on them.
  ScratchModel(storage::Session& session, const storage::Timeline& timeline, const Projection& projection,
               const std::vector<const Table*>& kept);

  // Applies the timeline's events at these positions, in order, behind those before.
  void ApplyAt(std::vector<std::int64_t> positions);

  // By row key.
  [[nodiscard]] const std::map<std::string, Row>& RowsOf(const Table& table) const;

  std::vector<Row> Find(const Table& table, std::string_view column,
                        const std::vector<std::string>& values) override;
  std::vector<RecordedEvent> EventsAt(const std::vector<std::int64_t>& positions) override;
  // Of those that were or are being applied.
  std::vector<RecordedEvent> StreamAfter(const Event& member, std::int64_t version) override;

 private:
  using Index = std::map<std::string, std::set<std::string>>;  // row keys by a column's text
  struct KeptTable {
    std::map<std::string, Row> rows;
    std::map<std::size_t, Index> indexes;  // by column, of those that were looked into
  };

  void NoteApplied(const std::vector<std::int64_t>& run);
  void Apply(const std::vector<RecordedEvent>& batch);
  static void Put(KeptTable& table, const std::string& key, const std::optional<Row>& row);

  storage::Session& session_;
  const storage::Timeline& timeline_;
  const Projection& projection_;
  std::map<const Table*, KeptTable> tables_;
  std::vector<std::int64_t> applied_;  // positions, in order
};

}  // namespace billhook::query
