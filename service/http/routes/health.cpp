// GET /health, /health/live, /health/ready and /metrics. They need no key and tell no business data.
#include <array>
#include <memory>

#include <nlohmann/json.hpp>

#include "domain/event_store.h"
#include "service/http/latest_page.h"
#include "service/http/routes/routes.h"
#include "service/log.h"
#include "service/process_stats.h"
#include "service/publish/publisher.h"

namespace billhook::http {
namespace {

constexpr const char* kLivePath = "/health/live";
constexpr const char* kReadyPath = "/health/ready";
constexpr std::array<std::pair<storage::Purpose, std::string_view>, storage::kPurposes> kPurposes = {
    {{storage::Purpose::kAppend, "append"},
     {storage::Purpose::kNote, "note"},
     {storage::Purpose::kProject, "project"},
     {storage::Purpose::kRead, "read"},
     {storage::Purpose::kFind, "find"}}};

using Body = nlohmann::ordered_json;

Response HealthResponse(bool healthy, Body checks) {
  Body body = {{"status", healthy ? "ok" : "unavailable"}};
  if (!checks.empty()) body["checks"] = std::move(checks);
  Response response;
  response.status = healthy ? 200 : 503;
  response.body = body.dump();
  return response;
}

Body Check(bool ok) {
  return {{"status", ok ? "ok" : "unavailable"}};
}

// Whether the log can be read, which takes the database with it.
bool DatabaseAnswers(Services& services) {
  try {
    // None of the readers' sessions: those who read slowly make nobody unready.
    services.database.Acquire(storage::Purpose::kProject)->Query("SELECT position FROM log_head", {});
    return true;
  } catch (const StorageError&) {
    return false;
  }
}

Response Ready(Services& services) {
  return HealthResponse(DatabaseAnswers(services), Body::object());
}

// How this process learns what others append.
const char* NotificationsOf(Services& services) {
  switch (services.database.hearing()) {
    case storage::Hearing::kAlone:
      return "not_needed";
    case storage::Hearing::kWorks:
      return "working";
    case storage::Hearing::kBroken:
      break;
  }
  return "polling";
}

Response Health(Services& services) {
  const bool database = DatabaseAnswers(services);
  const bool event_store =
      database && services.group_commit.queue_depth() < ingest::GroupCommitOptions().queue_max;
  Body projections = Check(database);
  projections["notifications"] = NotificationsOf(services);
  if (database) {
    for (const Projection* projection : services.projector.projections()) {
      const std::string name(projection->name());
      const auto status = services.read_models.StatusOf(name);
      if (!status) continue;
      projections["projections"][name] = {{"lag", status->head - status->position},
                                          {"dead_letters", status->dead_letters}};
    }
  }
  Body checks = {
      {"event_store", Check(event_store)}, {"database", Check(database)}, {"projections", projections}};
  // A broker that is away keeps nobody from being served.
  if (services.publisher != nullptr) {
    Body publisher = Check(!services.publisher->failing());
    publisher["destination"] = services.publisher->label();
    if (database) publisher["lag"] = services.publisher->Lag();
    checks["publisher"] = publisher;
  }
  return HealthResponse(event_store && database, checks);
}

double LagSeconds(Services& services, const storage::ProjectionStatus& status) {
  if (status.position >= status.head) return 0;
  const std::vector<RecordedEvent> next = services.log.ReadLog(status.position, 1);
  if (next.empty()) return 0;
  return std::max(0.0, static_cast<double>(services.clock() - next.front().recorded_at) /
                           static_cast<double>(kMicrosPerSecond));
}

void SetRebuildMetrics(Services& services, const storage::ProjectionStatus& status) {
  const storage::RebuildStatus rebuild = status.rebuild.value_or(storage::RebuildStatus{});
  const double rate =
      status.rebuild ? static_cast<double>(storage::PaceOf(rebuild, services.clock()).rate_per_second) : 0;
  services.metrics.SetRebuild(status.name, static_cast<double>(rebuild.total - rebuild.processed), rate);
}

std::string MetricsText(Services& services) {
  services.metrics.SetQueueDepth(services.group_commit.queue_depth());
  const Server::Stats http = services.http_stats();
  services.metrics.SetHttp(http.connections, http.waiting_requests, http.held_bytes);
  for (const auto& [purpose, name] : kPurposes) {
    const storage::SessionUse use = services.database.UseOf(purpose);
    if (use.most > 0) services.metrics.SetSessions(name, use.in_use, use.most);
  }
  services.metrics.SetProcess(ReadProcessStats());
  services.metrics.SetNotificationsWork(services.database.hearing() != storage::Hearing::kBroken);
  try {
    for (const Projection* projection : services.projector.projections()) {
      const auto status = services.read_models.StatusOf(std::string(projection->name()));
      if (!status) continue;
      services.metrics.SetProjection(status->name, static_cast<double>(status->head - status->position),
                                     LagSeconds(services, *status),
                                     static_cast<double>(status->dead_letters));
      SetRebuildMetrics(services, *status);
    }
    if (services.publisher != nullptr) services.metrics.SetPublishLag(services.publisher->Lag());
  } catch (const StorageError& error) {
    log::Warn("metrics without the database", {{"error", error.what()}});  // the page says the rest
  }
  return services.metrics.Text();
}

Response MetricsPage(LatestPage& page) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = page.Text();
  return response;
}

}  // namespace

Server::Urgency UrgencyOf(const Request& request) {
  if (request.path == kLivePath) return Server::Urgency::kAtOnce;
  return request.path == kReadyPath || IsWebhook(request.path) ? Server::Urgency::kForemost
                                                               : Server::Urgency::kUsual;
}

void AddHealthRoutes(Api& api, Services& services) {
  api.Add({"GET", "/health", std::nullopt, {}, [&services](Call&) { return Health(services); }});
  api.Add({"GET", kLivePath, std::nullopt, {}, [](Call&) { return HealthResponse(true, Body::object()); }});
  api.Add({"GET", kReadyPath, std::nullopt, {}, [&services](Call&) { return Ready(services); }});
  // Anybody may ask for it, and it asks the database about each projection.
  const auto metrics = std::make_shared<LatestPage>([&services] { return MetricsText(services); });
  api.Add({"GET", "/metrics", std::nullopt, {}, [metrics](Call&) { return MetricsPage(*metrics); }});
}

}  // namespace billhook::http
