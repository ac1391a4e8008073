// Micro-benchmarks of what each event passes through: signature, envelope, digests, the body in the newest
// shape, and each projection over a batch. The events are a simulated history, printed as Stripe prints it.
//   billhook_micro [--benchmark_filter=...]
#include <benchmark/benchmark.h>

#include "domain/event.h"
#include "domain/stripe/brief_body.h"
#include "domain/stripe/envelope.h"
#include "domain/stripe/signature.h"
#include "domain/stripe/upcast.h"
#include "projections/registry.h"
#include "service/clock.h"
#include "service/simulate/history.h"
#include "service/storage/event_log.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"

namespace billhook {
namespace {

constexpr std::uint64_t kEvents = 2'000;
constexpr std::size_t kBatch = 500;
constexpr const char* kSecret = "whsec_benchmark";
constexpr std::int64_t kNow = 1'800'000'000;

const std::vector<std::string>& Bodies() {
  static const std::vector<std::string> bodies = [] {
    simulate::HistoryOptions options;
    options.events = kEvents;
    return simulate::GenerateHistory(options);
  }();
  return bodies;
}

RecordedEvent RecordedOf(const std::string& body, std::int64_t position) {
  stripe::Envelope envelope = stripe::ReadEnvelope(body).value();
  RecordedEvent recorded;
  recorded.position = recorded.version = position;
  recorded.recorded_at = kNow * kMicrosPerSecond + position;
  Event& event = recorded.event;
  event.id = std::to_string(position);
  event.tenant = "default";
  event.aggregate_type = std::move(envelope.aggregate_type);
  event.aggregate_id = std::move(envelope.aggregate_id);
  event.event_type = std::move(envelope.type);
  event.source = Source::kStripe;
  event.payload = body;
  event.caused_by = std::move(envelope.id);
  event.occurred_at = envelope.occurred_at;
  return recorded;
}

const std::vector<RecordedEvent>& Log() {
  static const std::vector<RecordedEvent> log = [] {
    std::vector<RecordedEvent> events;
    for (const std::string& body : Bodies())
      events.push_back(RecordedOf(body, static_cast<std::int64_t>(events.size()) + 1));
    return events;
  }();
  return log;
}

// Goes round the events, so that none stays in the cache.
template <typename Each>
void ForEachEvent(benchmark::State& state, const Each& each) {
  const auto& log = Log();
  std::size_t i = 0;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    const RecordedEvent& recorded = log[i++ % log.size()];
    each(recorded);
    bytes += static_cast<std::int64_t>(recorded.event.payload.size());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(bytes);
}

void Verify(benchmark::State& state) {
  std::vector<std::string> headers;
  for (const std::string& body : Bodies()) headers.push_back(stripe::SignatureHeader(kSecret, kNow, body));
  const std::vector<std::string> secrets{kSecret};
  ForEachEvent(state, [&](const RecordedEvent& recorded) {
    const auto i = static_cast<std::size_t>(recorded.position - 1);
    benchmark::DoNotOptimize(stripe::VerifySignature(headers[i], recorded.event.payload, secrets, kNow, 300));
  });
}
BENCHMARK(Verify);

void Envelope(benchmark::State& state) {
  ForEachEvent(state, [](const RecordedEvent& recorded) {
    benchmark::DoNotOptimize(stripe::ReadEnvelope(recorded.event.payload));
  });
}
BENCHMARK(Envelope);

void Content(benchmark::State& state) {
  ForEachEvent(
      state, [](const RecordedEvent& recorded) { benchmark::DoNotOptimize(ContentDigest(recorded.event)); });
}
BENCHMARK(Content);

void Chain(benchmark::State& state) {
  Digest checksum = kGenesis;
  ForEachEvent(state, [&](const RecordedEvent& recorded) {
    checksum = ChainDigest(checksum, kGenesis, recorded.position, recorded.version, recorded.recorded_at);
  });
  benchmark::DoNotOptimize(checksum);
}
BENCHMARK(Chain);

void Body(benchmark::State& state) {
  ForEachEvent(state, [](const RecordedEvent& recorded) {
    benchmark::DoNotOptimize(stripe::ReadBriefBody(recorded));
  });
}
BENCHMARK(Body);

void Upcast(benchmark::State& state) {
  std::vector<std::pair<std::string, Json>> objects;
  for (const RecordedEvent& recorded : Log()) {
    auto brief = stripe::ReadBriefBody(recorded);
    if (brief) objects.emplace_back(recorded.event.aggregate_type, std::move(brief->object));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& [name, object] = objects[i++ % objects.size()];
    benchmark::DoNotOptimize(stripe::Upcast(name, object));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Upcast);

// One projection over the whole history, batch after batch, into an embedded database in memory.
void Fold(benchmark::State& state, const Projection* projection) {
  const auto database = storage::OpenDatabase("sqlite://:memory:", 1, storage::Ownership::kExclusive);
  storage::Migrate(*database, storage::AllMigrations(), kNow);
  storage::EventLog log(*database);
  for (const RecordedEvent& recorded : Log()) {
    AppendRequest request{{recorded.event, ContentDigest(recorded.event)}};
    log.AppendBatch({&request}, recorded.recorded_at);
  }
  for (auto _ : state) {
    state.PauseTiming();
    storage::ReadModels read_models(*database);
    read_models.Register({projection}, kNow);
    read_models.StartRebuild(*projection, kNow);
    state.ResumeTiming();
    while (read_models.Advance(*projection, kBatch, kNow).more) continue;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(Log().size()));
}

}  // namespace
}  // namespace billhook

int main(int argc, char** argv) {
  for (const billhook::Projection* projection : billhook::AllProjections()) {
    benchmark::RegisterBenchmark(("Fold/" + std::string(projection->name())).c_str(), billhook::Fold,
                                 projection)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
