#include "service/simulate/deliveries.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace billhook::simulate {
namespace {

std::vector<SimulatedEvent> All(const DeliveryOptions& options, std::size_t at_once) {
  Deliveries deliveries(options, at_once);
  std::vector<SimulatedEvent> all;
  while (true) {
    const std::vector<Delivery>& part = deliveries.Next();
    if (part.empty()) return all;
    EXPECT_LE(part.size(), at_once);
    for (const Delivery& delivery : part) all.push_back(*delivery.event);
  }
}

std::vector<std::string> Bodies(const std::vector<SimulatedEvent>& events) {
  std::vector<std::string> bodies;
  bodies.reserve(events.size());
  for (const SimulatedEvent& event : events) bodies.push_back(event.body);
  return bodies;
}

TEST(Deliveries, PlainlyAreTheHistoryItself) {
  const HistoryOptions history{.seed = 1, .events = 300};
  EXPECT_EQ(Bodies(All({.history = history}, 1'000)), GenerateHistory(history));
}

TEST(Deliveries, AreTheSameHoweverManyAreHeldAtOnce) {
  const DeliveryOptions options{
      .history = {.seed = 2, .events = 300}, .shuffle = true, .duplicates_percent = 20};
  const std::vector<std::string> whole = Bodies(All(options, 10'000));
  EXPECT_EQ(Bodies(All(options, 7)), whole);
  EXPECT_EQ(Bodies(All(options, 100)), whole);
}

TEST(Deliveries, ShuffledAreTheSameEventsInAnotherOrder) {
  const HistoryOptions history{.seed = 3, .events = 400};
  std::vector<std::string> told = GenerateHistory(history);
  std::vector<std::string> shuffled = Bodies(All({.history = history, .shuffle = true}, 1'000));
  EXPECT_NE(shuffled, told);
  std::sort(told.begin(), told.end());
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, told);
}

TEST(Deliveries, SendTheGivenShareTwiceAndTheSecondLater) {
  const DeliveryOptions options{.history = {.seed = 4, .events = 500}, .duplicates_percent = 10};
  const std::vector<SimulatedEvent> all = All(options, 1'000);
  ASSERT_EQ(all.size(), 550U);
  std::map<std::string, std::vector<std::size_t>> places;
  std::vector<std::string> firsts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (places[all[i].id].empty()) firsts.push_back(all[i].body);
    places[all[i].id].push_back(i);
  }
  EXPECT_EQ(firsts, GenerateHistory(options.history));
  EXPECT_EQ(std::count_if(places.begin(), places.end(), [](const auto& of) { return of.second.size() == 2; }),
            50);
}

TEST(Deliveries, AllCanBeSentTwice) {
  Deliveries deliveries({.history = {.seed = 5, .events = 40}, .duplicates_percent = 100});
  EXPECT_EQ(deliveries.size(), 80U);
}

}  // namespace
}  // namespace billhook::simulate
