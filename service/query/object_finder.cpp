#include "service/query/object_finder.h"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "domain/check.h"
#include "domain/event_store.h"

namespace billhook::query {
namespace {

constexpr std::size_t kMostTogether = 64;
constexpr std::chrono::milliseconds kPauseWhileMuchIsHeld{2};

// For each pair of tenant and ID: where the read model stands, how many objects have the ID, and the body of
// one.
std::string SqlFor(const std::string& projection) {
  const std::string named =
      " FROM " + projection + " WHERE generation = live.generation AND tenant = a AND id = b LIMIT ";
  return "SELECT a, b, live.position, (SELECT count(*) FROM (SELECT 1" + named +
         std::to_string(kMaxHomonyms) + ") AS homonym), (SELECT body" + named +
         "1) FROM (SELECT p.live_generation AS generation, c.position FROM projections p JOIN checkpoints c "
         "ON "
         "c.projection = p.name AND c.generation = p.live_generation WHERE p.name = $1) AS live CROSS JOIN "
         "PAIRS($2)";
}

std::exception_ptr Failure(const std::string& what, bool may_pass) {
  return std::make_exception_ptr(StorageError(what, may_pass));
}

}  // namespace

Found OnlyOneOf(Page page) {
  Found found{page.rows.size(), nullptr, page.position};
  if (found.objects == 1) found.body = std::make_shared<std::string>(std::move(page.rows.front()));
  return found;
}

Found FoundIn(ObjectFinder::Outcome outcome) {
  if (const auto* failure = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*failure);
  return std::get<Found>(std::move(outcome));
}

ObjectFinder::ObjectFinder(storage::Database& database, std::string projection, FinderLimits limits)
    : database_(database),
      projection_(std::move(projection)),
      sql_(SqlFor(projection_)),
      limits_(limits),
      held_bytes_(std::make_shared<std::atomic<std::size_t>>(0)) {
  if (database.engine() != "sqlite") thread_ = std::thread([this] { Run(); });
}

ObjectFinder::~ObjectFinder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  may_look_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ObjectFinder::FindLater(ObjectName name, Done done) {
  Caller caller{std::move(name), std::move(done), SteadyClock::now() + limits_.patience};
  if (!shares_looks()) return Look({std::move(caller)});
  bool first = false;
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    first = waiting_.empty();
    full = waiting_.size() == limits_.waiting;
    if (!full) waiting_.push_back(std::move(caller));
  }
  if (full) return caller.done(Failure("too many wait to be looked up", true));
  if (first) may_look_.notify_one();
}

Found ObjectFinder::Find(ObjectName name) {
  std::promise<Outcome> outcome;
  FindLater(std::move(name), [&outcome](Outcome found) { outcome.set_value(std::move(found)); });
  return FoundIn(outcome.get_future().get());
}

void ObjectFinder::Run() {
  for (Callers callers = TakeNext(); !callers.empty(); callers = TakeNext()) {
    const auto now = SteadyClock::now();
    const auto late = std::stable_partition(callers.begin(), callers.end(),
                                            [now](const Caller& caller) { return now < caller.until; });
    for (auto caller = late; caller != callers.end(); ++caller)
      caller->done(Failure("the look-ups before it took too long", true));
    callers.erase(late, callers.end());
    if (!callers.empty()) Look(callers);
  }
}

ObjectFinder::Callers ObjectFinder::TakeNext() {
  std::unique_lock lock(mutex_);
  may_look_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  while (!stopping_ && *held_bytes_ >= limits_.bodies) may_look_.wait_for(lock, kPauseWhileMuchIsHeld);
  Callers callers;
  for (; !waiting_.empty() && callers.size() < kMostTogether; waiting_.pop_front())
    callers.push_back(std::move(waiting_.front()));
  return callers;
}

void ObjectFinder::Look(const Callers& callers) {
  std::vector<Found> found;
  try {
    found = Read(callers);
  } catch (const std::exception& error) {
    const auto* storage = dynamic_cast<const StorageError*>(&error);
    const bool may_pass = storage != nullptr && storage->retryable();
    const std::string what = error.what();
    // An ID that cannot be looked up must not spoil the look of others. Each has an exception of his own:
    // they are read in different threads.
    for (const Caller& caller : callers)
      may_pass || callers.size() == 1 ? caller.done(Failure(what, may_pass)) : Look({caller});
    return;
  }
  for (std::size_t i = 0; i < callers.size(); ++i) callers[i].done(std::move(found[i]));
}

std::vector<Found> ObjectFinder::Read(const Callers& callers) {
  std::map<ObjectName, Found> found;
  for (const Caller& caller : callers) found.try_emplace(caller.name);
  storage::PairList pairs;
  pairs.reserve(found.size());
  for (const auto& [name, nothing] : found) pairs.emplace_back(name.tenant, name.id);
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kFind);
  storage::Rows rows = session->Query(sql_, {projection_, std::move(pairs)});
  BILLHOOK_CHECK(rows.size() == found.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Found& one = found.at({rows.TakeText(i, 0), rows.TakeText(i, 1)});
    one.position = rows.Int(i, 2);
    one.objects = static_cast<std::size_t>(rows.Int(i, 3));
    if (one.objects == 1) one.body = Hold(rows.TakeText(i, 4));
  }
  std::vector<Found> in_order;
  in_order.reserve(callers.size());
  for (const Caller& caller : callers) in_order.push_back(found.at(caller.name));
  return in_order;
}

std::shared_ptr<const std::string> ObjectFinder::Hold(std::string body) {
  auto held = std::make_unique<const std::string>(std::move(body));
  *held_bytes_ += held->size();
  return {held.release(), [count = held_bytes_](const std::string* text) {
            *count -= text->size();
            delete text;
          }};
}

}  // namespace billhook::query
