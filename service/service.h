// The running service: storage, writer, projector and HTTP wired together, from a configuration. Start and
// Stop once each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "service/clock.h"
#include "service/config.h"
#include "service/http/api.h"
#include "service/http/routes/routes.h"
#include "service/http/server.h"
#include "service/publish/publisher.h"
#include "service/snapshots/snapshotter.h"

namespace billhook {

class Service {
 public:
  // Opens the database, migrates it if so configured, and registers the projections. Throws StorageError.
  Service(Config config, Clock clock);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Listens and starts all threads. Returns an error text that tells a person what to do, or an empty string.
  std::string Start();
  // "http://127.0.0.1:8080", once started.
  [[nodiscard]] std::string address() const { return server_.address(); }

  // Stops accepting, finishes the requests in flight, commits what waits; true if nothing was cut off at
  // `deadline`.
  bool Stop(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] http::Api& api() { return api_; }

 private:
  void Hear(const storage::Announcement& announcement);
  void LogAppendFailure(const StorageError& error);

  Config config_;
  std::unique_ptr<storage::Database> database_;
  storage::ReadModels read_models_;
  storage::EventLog log_;
  query::ObjectFinder subscriptions_;
  query::ObjectFinder invoices_;
  Metrics metrics_;
  Projector projector_;
  snapshots::Snapshotter snapshotter_;
  std::unique_ptr<publish::Publisher> publisher_;  // nullptr: the log is not published
  std::size_t append_failures_ = 0;                // since the last line; whoever commits
  std::chrono::steady_clock::time_point next_append_failure_line_{};
  ingest::GroupCommit group_commit_;
  commands::CommandBus commands_;
  sagas::Runtime sagas_;
  http::Services services_;
  http::Api api_;
  http::Server server_;
};

}  // namespace billhook
