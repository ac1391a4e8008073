#include "tests/support/convergence.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "domain/check.h"

namespace billhook::test {

MemoryReadModel Project(const Projection& projection, const std::vector<RecordedEvent>& events,
                        std::size_t batch_size) {
  MemoryReadModel read_model(projection);
  for (std::size_t at = 0; at < events.size(); at += batch_size) {
    const std::size_t end = std::min(events.size(), at + batch_size);
    read_model.Apply({events.begin() + static_cast<std::ptrdiff_t>(at),
                      events.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return read_model;
}

MemoryReadModel ProjectInEveryOrder(const Projection& projection, const std::vector<StripeEvent>& events) {
  BILLHOOK_CHECK(!events.empty() && events.size() <= 6);
  const std::vector<RecordedEvent> log = Recorded(events);
  const MemoryReadModel all_at_once = Project(projection, log, log.size());
  const std::string expected = all_at_once.Fingerprint();
  std::vector<std::size_t> order(log.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    std::vector<RecordedEvent> arrival;
    std::string ids;
    for (std::size_t i : order) {
      arrival.push_back(log[i]);
      ids += " " + log[i].event.caused_by.value();
    }
    for (std::size_t batch_size : {std::size_t{1}, std::size_t{2}, log.size()}) {
      const std::string outcome = Project(projection, arrival, batch_size).Fingerprint();
      if (outcome == expected) continue;
      ADD_FAILURE() << "in batches of " << batch_size << ", the order" << ids << " ends in\n"
                    << outcome << "and not, like all at once, in\n"
                    << expected;
      return all_at_once;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return all_at_once;
}

MemoryReadModel ProjectInBatches(const Projection& projection, const std::vector<RecordedEvent>& events,
                                 std::mt19937_64& random) {
  MemoryReadModel read_model(projection);
  for (auto at = events.begin(); at != events.end();) {
    const auto size =
        std::min<std::ptrdiff_t>(events.end() - at, static_cast<std::ptrdiff_t>(1 + random() % 5));
    read_model.Apply({at, at + size});
    at += size;
  }
  return read_model;
}

MemoryReadModel ProjectShuffled(const Projection& projection, std::vector<RecordedEvent> events,
                                std::mt19937_64& random) {
  std::shuffle(events.begin(), events.end(), random);
  return ProjectInBatches(projection, events, random);
}

}  // namespace billhook::test
