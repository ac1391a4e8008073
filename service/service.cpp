#include "service/service.h"

#include <algorithm>

#include "projections/registry.h"
#include "service/log.h"
#include "service/process_stats.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"

namespace billhook {
namespace {

// When a stop lets those go whose events cannot be recorded by its deadline: there must be time to answer
// them.
std::chrono::steady_clock::time_point LetGoBefore(std::chrono::steady_clock::time_point deadline) {
  constexpr std::chrono::milliseconds kTimeToAnswer{500};
  const auto left = deadline - std::chrono::steady_clock::now();
  return deadline - std::min<std::chrono::steady_clock::duration>(kTimeToAnswer, left / 4);
}

// Opened and migrated, before anything else looks at it.
std::unique_ptr<storage::Database> PrepareDatabase(const Config& config, const Clock& clock) {
  auto database =
      storage::OpenDatabase(config.database_url, config.db_pool_size, storage::Ownership::kExclusive);
  if (config.auto_migrate) {
    for (const std::string& name : storage::Migrate(*database, storage::AllMigrations(), clock())) {
      log::Info("migrated", {{"migration", name}});
    }
    return database;
  }
  if (const std::optional<std::string> missing = storage::RequireMigrated(*database, clock())) {
    throw StorageError(
        "migration " + *missing + " is missing: run billhook migrate, or set AUTO_MIGRATE=true", false);
  }
  return database;
}

void LogStep(const Projection& projection, const storage::Step& step) {
  for (const storage::SetAside& letter : step.dead_letters) {
    log::Warn("dead letter", {{"projection", projection.name()},
                              {"position", letter.position},
                              {"event_id", letter.event_id},
                              {"event_type", letter.event_type},
                              {"projected_to", step.position}});
  }
}

void LogFailure(const Projection& projection, const std::string& what) {
  log::Error("projection failed", {{"projection", projection.name()}, {"error", what}});
}

// Connections never take the descriptors that the database needs: a SQLite session opens three a file.
std::size_t MostConnections(std::size_t most, std::size_t descriptors, std::size_t db_pool_size) {
  const std::size_t reserved = 64 + 7 * db_pool_size;
  return std::min(most, descriptors > 2 * reserved ? descriptors - reserved : descriptors / 2);
}

void LogHearing(storage::Hearing hearing, const std::string& why) {
  if (hearing == storage::Hearing::kWorks) {
    log::Info("other processes' announcements arrive");
  } else {
    log::Warn("other processes' announcements do not arrive: what they append is looked for now and then",
              {{"error", why}});
  }
}

std::unique_ptr<publish::Publisher> MakePublisher(const Config& config, storage::Database& database,
                                                  Metrics& metrics) {
  if (!config.publish_to) return nullptr;
  const auto connect = [destination = *config.publish_to] { return publish::OpenBroker(destination); };
  return std::make_unique<publish::Publisher>(database, config.publish_to->Label(), connect, metrics,
                                              [](const std::string& what) {
                                                log::Error("publishing failed", {{"error", what}});
                                              });
}

http::Limits LimitsOf(const Config& config) {
  http::Limits limits;
  limits.max_connections =
      MostConnections(limits.max_connections, ReadProcessStats().max_fds, config.db_pool_size);
  limits.max_body_bytes = config.max_body_bytes;
  limits.request_timeout = config.http_request_timeout;
  limits.idle_timeout = config.http_idle_timeout;
  return limits;
}

}  // namespace

Service::Service(Config config, Clock clock)
    : config_(std::move(config)),
      database_(PrepareDatabase(config_, clock)),
      read_models_(*database_),
      log_(*database_, &read_models_.tail()),
      subscriptions_(*database_, "subscriptions"),
      invoices_(*database_, "invoices"),
      projector_(read_models_, AllProjections(),
                 {.batch = config_.projection_batch,
                  .max_waiters = std::max<std::size_t>(1, config_.http_threads / 4)},
                 clock, &LogStep, &LogFailure),
      snapshotter_(*database_, read_models_.tail(), config_.snapshot_frequency, clock,
                   [](const std::string& what) {
                     log::Error("snapshots failed", {{"error", what}});
                   }),
      publisher_(MakePublisher(config_, *database_, metrics_)),
      group_commit_(
          log_,
          {.batch_max = config_.append_batch_max,
           .linger = config_.append_linger,
           .patient_max = std::max<std::size_t>(1, config_.http_threads / 2),
           // One that hangs in a commit must leave some of those that are kept for webhooks.
           .callers_commit = config_.http_threads >= 8},
          clock,
          [this](const ingest::CommitReport& report) {
            metrics_.ObserveCommit(report.requests, report.events, report.duration);
            if (report.events == 0) return;
            Hear({});
          },
          [this](const StorageError& error) { LogAppendFailure(error); }),
      commands_(*database_, group_commit_, {*database_, read_models_, projector_, clock}, metrics_,
                {.max_waiters = std::max<std::size_t>(1, config_.http_threads / 4)}),
      sagas_(*database_, read_models_.tail(), group_commit_, metrics_,
             config_.dunning_grace_s * kMicrosPerSecond, clock,
             [](const std::string& what) {
               log::Error("sagas failed", {{"error", what}});
             }),
      services_{config_,      *database_, subscriptions_, invoices_,       log_,
                read_models_, projector_, group_commit_,  metrics_,        [this] { return server_.stats(); },
                clock,        commands_,  sagas_,         publisher_.get()},
      api_(config_, metrics_),
      server_(
          LimitsOf(config_), config_.http_threads,
          [this](const http::Request& request) { return api_.Handle(request); },
          [this](const http::Request& request, http::Fault fault) {
            http::Response response = api_.HandleFault(request, fault);
            http::CountRefused(request, response, metrics_);
            return response;
          },
          &http::UrgencyOf) {
  http::AddAllRoutes(api_, services_);
  read_models_.Register(AllProjections(), clock());
  // The one process that owns a SQLite file finds only its own predecessors' commands there.
  commands_.CloseAbandoned(database_->engine() == "sqlite");
}

// Nobody may hear or commit any more once those are gone who are woken by it.
Service::~Service() {
  database_->StopListening();
  sagas_.Stop();
  group_commit_.Stop();
}

// An outage fails every batch: one line a second says so.
void Service::LogAppendFailure(const StorageError& error) {
  ++append_failures_;
  const auto now = std::chrono::steady_clock::now();
  if (error.retryable() && now < next_append_failure_line_) return;
  next_append_failure_line_ = now + std::chrono::seconds(1);
  log::Error("append failed",
             {{"error", error.what()}, {"retryable", error.retryable()}, {"batches", append_failures_}});
  append_failures_ = 0;
}

// What a process announces, be it this one or another.
void Service::Hear(const storage::Announcement& announcement) {
  if (!announcement.projection.empty()) {
    projector_.NoteVisible(announcement.projection, announcement.position);
    return;
  }
  projector_.Wake();
  snapshotter_.Wake();
  sagas_.Wake();
  if (publisher_) publisher_->Wake();
}

std::string Service::Start() {
  projector_.Start();
  snapshotter_.Start();
  sagas_.Start();
  if (publisher_) {
    publisher_->Start();
    log::Info("publishing", {{"destination", publisher_->label()}});
  }
  projector_.RelyOnWakes(database_->hearing() == storage::Hearing::kAlone);
  database_->Listen([this](const storage::Announcement& announcement) { Hear(announcement); },
                    [this](storage::Hearing hearing, const std::string& why) {
                      projector_.RelyOnWakes(hearing == storage::Hearing::kWorks);
                      LogHearing(hearing, why);
                    });
  return server_.Start(config_.host, config_.port);
}

bool Service::Stop(std::chrono::steady_clock::time_point deadline) {
  projector_.ReleaseWaiters();
  commands_.ReleaseWaiters();
  group_commit_.LetGoAt(LetGoBefore(deadline));
  const bool finished = server_.Stop(deadline);
  sagas_.Stop();
  group_commit_.Stop();
  snapshotter_.Stop();
  projector_.Stop();
  if (publisher_) publisher_->Stop();
  return finished;
}

}  // namespace billhook
