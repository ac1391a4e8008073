#include "projections/event_counts.h"

#include <gtest/gtest.h>

#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::MemoryReadModel;

RecordedEvent Counted(const std::string& tenant, const std::string& type, const std::string& aggregate_type,
                      Source source = Source::kStripe) {
  RecordedEvent recorded = test::Recorded({.id = "evt", .type = type}, 1, tenant);
  recorded.event.aggregate_type = aggregate_type;
  recorded.event.source = source;
  return recorded;
}

TEST(EventCounts, CountEveryEventByTenantTypeAndAggregateTypeInAnyBatching) {
  const EventCounts counts;
  const std::vector<RecordedEvent> log = {
      Counted("default", "charge.succeeded", "charge"),
      Counted("default", "charge.succeeded", "charge"),
      Counted("default", "charge.updated", "charge"),
      Counted("default", "MoneyDeposited", "prepaid_account", Source::kCommand),
      Counted("other", "charge.succeeded", "charge"),
      Counted("default", "charge.succeeded", "charge"),
      Counted("default", "charge.succeeded", "event"),
  };
  for (std::size_t batch_size : {1u, 2u, 3u, 7u}) {
    const MemoryReadModel read_model = test::Project(counts, log, batch_size);
    std::map<std::string, std::int64_t> totals;
    for (const Json& row : read_model.Rows(EventCounts::kTable)) {
      totals[row["tenant"].get<std::string>() + " " + row["event_type"].get<std::string>() + " " +
             row["aggregate_type"].get<std::string>()] = row["events"];
    }
    EXPECT_EQ(totals, (std::map<std::string, std::int64_t>{{"default charge.succeeded charge", 3},
                                                           {"default charge.succeeded event", 1},
                                                           {"default charge.updated charge", 1},
                                                           {"default MoneyDeposited prepaid_account", 1},
                                                           {"other charge.succeeded charge", 1}}));
    EXPECT_TRUE(read_model.dead_letters().empty());
  }
}

TEST(EventCounts, CountEventsThatNoOtherProjectionCanUse) {
  const EventCounts counts;
  RecordedEvent broken = Counted("default", "charge.succeeded", "event");
  broken.event.payload = R"({"a":1,"a":2})";
  EXPECT_EQ(test::Project(counts, {broken}, 1).Rows(EventCounts::kTable).at(0)["events"], 1);
}

}  // namespace
}  // namespace billhook
