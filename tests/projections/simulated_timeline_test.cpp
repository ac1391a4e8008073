// The customer timeline of a whole simulated history, in shuffled order and with all its API versions,
// against a plain reading of all events at once.
#include <gtest/gtest.h>

#include "domain/stripe/envelope.h"
#include "projections/customer_timeline.h"
#include "service/simulate/history.h"
#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::MemoryReadModel;

struct Told {
  std::vector<RecordedEvent> log;
  std::vector<Json> documents;
};

Told TellHistory() {
  Told told;
  for (const std::string& body : simulate::GenerateHistory({.seed = 11, .events = 4'000, .pretty = false})) {
    const Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
    EXPECT_TRUE(envelope.has_value());
    RecordedEvent recorded = test::Recorded({.id = envelope->id, .type = envelope->type, .payload = body});
    recorded.event.occurred_at = envelope->occurred_at;
    told.log.push_back(std::move(recorded));
    told.documents.push_back(Json::parse(body));
  }
  return told;
}

const Told& History() {
  static const Told kTold = TellHistory();
  return kTold;
}

MemoryReadModel Shuffled(const Projection& projection) {
  std::mt19937_64 random(5);
  MemoryReadModel read_model = test::ProjectShuffled(projection, History().log, random);
  EXPECT_TRUE(read_model.dead_letters().empty()) << read_model.dead_letters().begin()->second;
  return read_model;
}

// Each event's customer, by looking at the whole history at once: the one that it names, or that its charge,
// its invoice or its payment intent names.
TEST(SimulatedHistory, GivesEachEventToTheCustomerItConcerns) {
  const auto id_in = [](const Json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
  };
  std::map<std::string, std::string> customer_of;  // by the ID of a charge, an intent or an invoice
  for (const Json& event : History().documents) {
    if (event["object"] != "event") continue;
    const Json& object = event["data"]["object"];
    const std::string id = id_in(object, "id");
    if (const std::string customer = id_in(object, "customer"); !customer.empty() && !id.empty())
      customer_of[id] = customer;
  }
  std::map<std::string, std::string> expected;
  for (const Json& event : History().documents) {
    if (event["object"] != "event") continue;
    const Json& object = event["data"]["object"];
    std::string customer = object["object"] == "customer" ? id_in(object, "id") : id_in(object, "customer");
    for (const char* key : {"id", "charge", "invoice", "payment_intent"}) {
      if (!customer.empty()) break;
      const auto known = customer_of.find(id_in(object, key));
      if (known != customer_of.end()) customer = known->second;
    }
    if (!customer.empty()) expected[event["id"]] = customer;
  }
  std::map<std::string, std::string> timeline;
  for (const Json& row : Shuffled(CustomerTimeline()).Rows(CustomerTimeline::kTable)) {
    if (row.contains("customer")) timeline[row["event_id"]] = row["customer"];
  }
  EXPECT_EQ(timeline, expected);
  EXPECT_GT(expected.size(), 3'000u);
}

}  // namespace
}  // namespace billhook
