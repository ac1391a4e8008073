// What billhook counts, in Prometheus terms. The one door to prometheus-cpp. Labels are bounded: no IDs, no
// paths as sent. Thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "service/process_stats.h"

namespace billhook {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  enum class WebhookOutcome { kRecorded, kDuplicate, kRejected, kError };
  void CountWebhook(WebhookOutcome outcome);
  void ObserveCommit(std::size_t requests, std::size_t events, std::chrono::nanoseconds duration);
  void ObserveRequest(std::string_view route, std::string_view method, int status,
                      std::chrono::nanoseconds duration);

  // `status` is "ok", "error" or "unavailable"; `type` a registered command type or "unknown".
  void ObserveCommand(std::string_view type, std::string_view status, std::chrono::nanoseconds duration);
  // `type` is a registered query type.
  void ObserveQuery(std::string_view type, std::chrono::nanoseconds duration);

  // A saga of a registered type came to a status.
  void CountSaga(std::string_view type, std::string_view status);

  // The broker has so many more events; it could not be sent some.
  void CountPublished(std::size_t events);
  void CountPublishFailure();

  // Gauges, set when the page is asked for.
  void SetQueueDepth(std::size_t depth);
  void SetProjection(const std::string& projection, double lag_events, double lag_seconds,
                     double dead_letters);
  // Of a rebuild under way; zeros without one.
  void SetRebuild(const std::string& projection, double remaining_events, double events_per_second);
  void SetPublishLag(std::int64_t events);
  void SetNotificationsWork(bool work);
  void SetHttp(std::size_t connections, std::size_t waiting_requests, std::size_t held_bytes);
  // `purpose` is "append", "project" or "read".
  void SetSessions(std::string_view purpose, std::size_t in_use, std::size_t most);
  void SetProcess(const ProcessStats& stats);

  // The page in Prometheus' text format.
  [[nodiscard]] std::string Text() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace billhook
