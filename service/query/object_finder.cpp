#include "service/query/object_finder.h"

#include <future>
#include <map>
#include <utility>

#include "domain/check.h"
#include "domain/event_store.h"

namespace billhook::query {
namespace {

constexpr std::size_t kMostTogether = 64;

// For each pair of tenant and ID: where the read model stands, how many objects have the ID, and the body of
// one.
std::string SqlFor(std::string_view projection) {
  const std::string named = " FROM " + std::string(projection) +
                            " WHERE generation = live.generation AND tenant = a AND id = b LIMIT ";
  return "SELECT a, b, live.position, (SELECT count(*) FROM (SELECT 1" + named +
         std::to_string(kMaxHomonyms) + ") AS homonym), (SELECT body" + named +
         "1) FROM (SELECT p.live_generation AS generation, c.position FROM projections p JOIN checkpoints c "
         "ON "
         "c.projection = p.name AND c.generation = p.live_generation WHERE p.name = $1) AS live CROSS JOIN "
         "PAIRS($2)";
}

}  // namespace

Found OnlyOneOf(Page page) {
  Found found{page.rows.size(), {}, page.position};
  if (found.objects == 1) found.body = std::move(page.rows.front());
  return found;
}

Found FoundIn(ObjectFinder::Outcome outcome) {
  if (const auto* failure = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*failure);
  return std::get<Found>(std::move(outcome));
}

ObjectFinder::ObjectFinder(storage::Database& database) : database_(database) {
  if (database.engine() != "sqlite") thread_ = std::thread([this] { Run(); });
}

ObjectFinder::~ObjectFinder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ObjectFinder::FindLater(ObjectName name, Done done) {
  if (!shares_looks()) return Answer({{std::move(name), std::move(done)}});
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = waiting_.empty();
    waiting_.push_back({std::move(name), std::move(done)});
  }
  if (first) asked_.notify_one();
}

Found ObjectFinder::Find(ObjectName name) {
  std::promise<Outcome> outcome;
  FindLater(std::move(name), [&outcome](Outcome found) { outcome.set_value(std::move(found)); });
  return FoundIn(outcome.get_future().get());
}

void ObjectFinder::Run() {
  for (Callers callers = TakeNext(); !callers.empty(); callers = TakeNext()) Answer(callers);
}

ObjectFinder::Callers ObjectFinder::TakeNext() {
  std::unique_lock lock(mutex_);
  asked_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  Callers callers;
  while (!waiting_.empty() && callers.size() < kMostTogether &&
         (callers.empty() || callers.front().name.projection == waiting_.front().name.projection)) {
    callers.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return callers;
}

void ObjectFinder::Answer(const Callers& callers) {
  std::vector<Found> found;
  try {
    found = Read(callers);
  } catch (const std::exception& error) {
    const auto* storage = dynamic_cast<const StorageError*>(&error);
    const std::exception_ptr failure = std::current_exception();
    // An ID that the database refuses must not spoil the look of others.
    const bool each = callers.size() > 1 && storage != nullptr && !storage->retryable();
    for (const Caller& caller : callers) each ? Answer({caller}) : caller.done(failure);
    return;
  }
  for (std::size_t i = 0; i < callers.size(); ++i) callers[i].done(std::move(found[i]));
}

std::vector<Found> ObjectFinder::Read(const Callers& callers) {
  const std::string_view projection = callers.front().name.projection;
  std::map<ObjectName, Found> found;
  for (const Caller& caller : callers) found.try_emplace(caller.name);
  storage::PairList pairs;
  pairs.reserve(found.size());
  for (const auto& [name, nothing] : found) pairs.emplace_back(name.tenant, name.id);
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kFind);
  storage::Rows rows = session->Query(SqlFor(projection), {std::string(projection), std::move(pairs)});
  BILLHOOK_CHECK(rows.size() == found.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Found& one = found.at({projection, rows.TakeText(i, 0), rows.TakeText(i, 1)});
    one.position = rows.Int(i, 2);
    one.objects = static_cast<std::size_t>(rows.Int(i, 3));
    if (one.objects == 1) one.body = rows.TakeText(i, 4);
  }
  std::vector<Found> in_order;
  in_order.reserve(callers.size());
  for (const Caller& caller : callers) in_order.push_back(found.at(caller.name));
  return in_order;
}

}  // namespace billhook::query
