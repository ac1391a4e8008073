#include "service/metrics.h"

#include <algorithm>
#include <array>
#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace billhook {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

// From a tenth of a millisecond to ten seconds.
const Histogram::BucketBoundaries kSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                              0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
const Histogram::BucketBoundaries kBatchSizes = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

class Metrics::Families {
 public:
  prometheus::Registry registry;

  prometheus::Family<Counter>& webhook_family = prometheus::BuildCounter()
                                                    .Name("billhook_webhooks_total")
                                                    .Help("Webhooks by what became of them")
                                                    .Register(registry);
  std::array<Counter*, 4> webhooks = {
      &webhook_family.Add({{"outcome", "recorded"}}), &webhook_family.Add({{"outcome", "duplicate"}}),
      &webhook_family.Add({{"outcome", "rejected"}}), &webhook_family.Add({{"outcome", "error"}})};
  Counter& events_appended = prometheus::BuildCounter()
                                 .Name("billhook_events_appended_total")
                                 .Help("Events appended to the log by this process")
                                 .Register(registry)
                                 .Add({});
  Histogram& batch_size = prometheus::BuildHistogram()
                              .Name("billhook_append_batch_size")
                              .Help("Requests committed together")
                              .Register(registry)
                              .Add({}, kBatchSizes);
  Histogram& append_seconds = prometheus::BuildHistogram()
                                  .Name("billhook_append_seconds")
                                  .Help("Time of one durable commit of the log")
                                  .Register(registry)
                                  .Add({}, kSeconds);
  Gauge& queue_depth = prometheus::BuildGauge()
                           .Name("billhook_append_queue_depth")
                           .Help("Requests waiting for the next commit")
                           .Register(registry)
                           .Add({});
  prometheus::Family<Gauge>& lag_events = prometheus::BuildGauge()
                                              .Name("billhook_projection_lag_events")
                                              .Help("Events in the log that the read model does not show yet")
                                              .Register(registry);
  prometheus::Family<Gauge>& lag_seconds =
      prometheus::BuildGauge()
          .Name("billhook_projection_lag_seconds")
          .Help("Age of the oldest event that the read model does not show yet")
          .Register(registry);
  prometheus::Family<Gauge>& dead_letters = prometheus::BuildGauge()
                                                .Name("billhook_dead_letters")
                                                .Help("Events that the projection cannot use")
                                                .Register(registry);
  prometheus::Family<Gauge>& rebuild_remaining =
      prometheus::BuildGauge()
          .Name("billhook_rebuild_remaining_events")
          .Help("Events that the projection's rebuild has still to apply, 0 without one")
          .Register(registry);
  prometheus::Family<Gauge>& rebuild_rate = prometheus::BuildGauge()
                                                .Name("billhook_rebuild_events_per_second")
                                                .Help("How fast the projection's rebuild goes, 0 without one")
                                                .Register(registry);
  prometheus::Family<Histogram>& requests = prometheus::BuildHistogram()
                                                .Name("billhook_http_request_seconds")
                                                .Help("Time from a whole request to its answer")
                                                .Register(registry);
  prometheus::Family<Histogram>& queries = prometheus::BuildHistogram()
                                               .Name("billhook_query_seconds")
                                               .Help("Time of a query of the query bus, by type")
                                               .Register(registry);
  prometheus::Family<Histogram>& command_seconds = prometheus::BuildHistogram()
                                                       .Name("billhook_command_seconds")
                                                       .Help("Time from a command to its outcome, by type")
                                                       .Register(registry);
  prometheus::Family<Counter>& commands = prometheus::BuildCounter()
                                              .Name("billhook_commands_total")
                                              .Help("Commands by type and what became of them")
                                              .Register(registry);
  prometheus::Family<Counter>& sagas = prometheus::BuildCounter()
                                           .Name("billhook_sagas_total")
                                           .Help("Sagas by type and the statuses that they came to")
                                           .Register(registry);
  Counter& events_published = prometheus::BuildCounter()
                                  .Name("billhook_published_events_total")
                                  .Help("Events that the broker has confirmed to this process")
                                  .Register(registry)
                                  .Add({});
  Counter& publish_failures = prometheus::BuildCounter()
                                  .Name("billhook_publish_failures_total")
                                  .Help("Attempts to publish that failed")
                                  .Register(registry)
                                  .Add({});
  Gauge& publish_lag = prometheus::BuildGauge()
                           .Name("billhook_publish_lag_events")
                           .Help("Events in the log that no process has published yet, 0 without PUBLISH_URL")
                           .Register(registry)
                           .Add({});
  Gauge& notifications_work =
      prometheus::BuildGauge()
          .Name("billhook_notifications_work")
          .Help("1 unless other processes' appends are only found by looking for them")
          .Register(registry)
          .Add({});
  Gauge& connections = prometheus::BuildGauge()
                           .Name("billhook_http_connections")
                           .Help("Open connections")
                           .Register(registry)
                           .Add({});
  Gauge& waiting_requests = prometheus::BuildGauge()
                                .Name("billhook_http_waiting_requests")
                                .Help("Whole requests that wait for a thread")
                                .Register(registry)
                                .Add({});
  Gauge& held_bytes = prometheus::BuildGauge()
                          .Name("billhook_http_held_bytes")
                          .Help("Memory for requests that arrive, wait or are handled")
                          .Register(registry)
                          .Add({});
  prometheus::Family<Gauge>& sessions_in_use = prometheus::BuildGauge()
                                                   .Name("billhook_db_sessions_in_use")
                                                   .Help("Database sessions that are lent out")
                                                   .Register(registry);
  prometheus::Family<Gauge>& sessions_max = prometheus::BuildGauge()
                                                .Name("billhook_db_sessions_max")
                                                .Help("Database sessions that may be lent out at a time")
                                                .Register(registry);
  std::mutex process_mutex;
  // The process, under the names that every exporter gives it.
  Counter& cpu_seconds = prometheus::BuildCounter()
                             .Name("process_cpu_seconds_total")
                             .Help("User and system time of the process")
                             .Register(registry)
                             .Add({});
  Gauge& resident_bytes = prometheus::BuildGauge()
                              .Name("process_resident_memory_bytes")
                              .Help("Memory of the process that lies in RAM")
                              .Register(registry)
                              .Add({});
  Gauge& open_fds = prometheus::BuildGauge()
                        .Name("process_open_fds")
                        .Help("Open file descriptors")
                        .Register(registry)
                        .Add({});
  Gauge& max_fds = prometheus::BuildGauge()
                       .Name("process_max_fds")
                       .Help("File descriptors that may be open at a time")
                       .Register(registry)
                       .Add({});
  Gauge& start_time = prometheus::BuildGauge()
                          .Name("process_start_time_seconds")
                          .Help("When the process started, in Unix seconds")
                          .Register(registry)
                          .Add({});
  Gauge& build_info = prometheus::BuildGauge()
                          .Name("billhook_build_info")
                          .Help("1, for the version that runs")
                          .Register(registry)
                          .Add({{"version", BILLHOOK_VERSION}});
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  families_->build_info.Set(1);
}
Metrics::~Metrics() = default;

void Metrics::CountWebhook(WebhookOutcome outcome) {
  families_->webhooks[static_cast<std::size_t>(outcome)]->Increment();
}

void Metrics::ObserveCommit(std::size_t requests, std::size_t events, std::chrono::nanoseconds duration) {
  families_->batch_size.Observe(static_cast<double>(requests));
  families_->append_seconds.Observe(Seconds(duration));
  families_->events_appended.Increment(static_cast<double>(events));
}

void Metrics::ObserveRequest(std::string_view route, std::string_view method, int status,
                             std::chrono::nanoseconds duration) {
  families_->requests
      .Add({{"route", std::string(route)},
            {"method", std::string(method)},
            {"status", std::to_string(status)}},
           kSeconds)
      .Observe(Seconds(duration));
}

void Metrics::ObserveCommand(std::string_view type, std::string_view status,
                             std::chrono::nanoseconds duration) {
  families_->commands.Add({{"type", std::string(type)}, {"status", std::string(status)}}).Increment();
  families_->command_seconds.Add({{"type", std::string(type)}}, kSeconds).Observe(Seconds(duration));
}

void Metrics::ObserveQuery(std::string_view type, std::chrono::nanoseconds duration) {
  families_->queries.Add({{"type", std::string(type)}}, kSeconds).Observe(Seconds(duration));
}

void Metrics::CountSaga(std::string_view type, std::string_view status) {
  families_->sagas.Add({{"type", std::string(type)}, {"status", std::string(status)}}).Increment();
}

void Metrics::CountPublished(std::size_t events) {
  families_->events_published.Increment(static_cast<double>(events));
}

void Metrics::CountPublishFailure() {
  families_->publish_failures.Increment();
}

void Metrics::SetPublishLag(std::int64_t events) {
  families_->publish_lag.Set(static_cast<double>(events));
}

void Metrics::SetQueueDepth(std::size_t depth) {
  families_->queue_depth.Set(static_cast<double>(depth));
}

void Metrics::SetProjection(const std::string& projection, double lag_events, double lag_seconds,
                            double dead_letters) {
  families_->lag_events.Add({{"projection", projection}}).Set(lag_events);
  families_->lag_seconds.Add({{"projection", projection}}).Set(lag_seconds);
  families_->dead_letters.Add({{"projection", projection}}).Set(dead_letters);
}

void Metrics::SetRebuild(const std::string& projection, double remaining_events, double events_per_second) {
  families_->rebuild_remaining.Add({{"projection", projection}}).Set(remaining_events);
  families_->rebuild_rate.Add({{"projection", projection}}).Set(events_per_second);
}

void Metrics::SetNotificationsWork(bool work) {
  families_->notifications_work.Set(work ? 1 : 0);
}

void Metrics::SetHttp(std::size_t connections, std::size_t waiting_requests, std::size_t held_bytes) {
  families_->connections.Set(static_cast<double>(connections));
  families_->waiting_requests.Set(static_cast<double>(waiting_requests));
  families_->held_bytes.Set(static_cast<double>(held_bytes));
}

void Metrics::SetSessions(std::string_view purpose, std::size_t in_use, std::size_t most) {
  const prometheus::Labels labels = {{"purpose", std::string(purpose)}};
  families_->sessions_in_use.Add(labels).Set(static_cast<double>(in_use));
  families_->sessions_max.Add(labels).Set(static_cast<double>(most));
}

void Metrics::SetProcess(const ProcessStats& stats) {
  const std::lock_guard lock(families_->process_mutex);
  // Of two pages at a time the older figure may come last: a counter never goes back.
  Counter& cpu = families_->cpu_seconds;
  cpu.Increment(std::max(0.0, stats.cpu_seconds - cpu.Value()));
  families_->resident_bytes.Set(static_cast<double>(stats.resident_bytes));
  families_->open_fds.Set(static_cast<double>(stats.open_fds));
  families_->max_fds.Set(static_cast<double>(stats.max_fds));
  families_->start_time.Set(stats.start_unix_seconds);
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace billhook
