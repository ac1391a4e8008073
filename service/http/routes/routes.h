// The endpoint families, one file each, and what they need of the service. Every route is added here or
// nowhere.
#pragma once

#include "service/clock.h"
#include "service/commands/bus.h"
#include "service/config.h"
#include "service/http/api.h"
#include "service/http/server.h"
#include "service/ingest/group_commit.h"
#include "service/metrics.h"
#include "service/projector/projector.h"
#include "service/query/object_finder.h"
#include "service/sagas/runtime.h"
#include "service/storage/event_log.h"
#include "service/storage/read_models.h"

namespace billhook::publish {
class Publisher;
}

namespace billhook::http {

struct Services {
  const Config& config;
  storage::Database& database;
  query::ObjectFinder& subscriptions;  // by ID
  query::ObjectFinder& invoices;
  storage::EventLog& log;
  storage::ReadModels& read_models;
  Projector& projector;
  ingest::GroupCommit& group_commit;
  Metrics& metrics;
  std::function<Server::Stats()> http_stats;
  Clock clock;
  commands::CommandBus& commands;
  sagas::Runtime& sagas;
  publish::Publisher* publisher;  // nullptr: the log is not published
};

void AddWebhookRoutes(Api& api, Services& services);
void AddSubscriptionRoutes(Api& api, Services& services);
void AddLedgerRoutes(Api& api, Services& services);
void AddRevenueRoutes(Api& api, Services& services);
void AddCustomerRoutes(Api& api, Services& services);
void AddInvoiceRoutes(Api& api, Services& services);
void AddCommandRoutes(Api& api, Services& services);
void AddSagaRoutes(Api& api, Services& services);
void AddQueryRoutes(Api& api, Services& services);
void AddEventRoutes(Api& api, Services& services);
void AddReplayRoutes(Api& api, Services& services);
void AddBranchRoutes(Api& api, Services& services);
void AddProjectionRoutes(Api& api, Services& services);
void AddDeadLetterRoutes(Api& api, Services& services);
void AddReconciliationRoutes(Api& api, Services& services);
void AddHealthRoutes(Api& api, Services& services);
void AddDocsRoutes(Api& api);

// A process that is alive says so even while all workers are busy; webhooks and readiness find a worker
// however many others read.
Server::Urgency UrgencyOf(const Request& request);

// Whether it is the path of Stripe's webhooks, of whichever tenant.
bool IsWebhook(std::string_view path);

// Counts a webhook that was refused before its handler saw it.
void CountRefused(const Request& request, const Response& refusal, Metrics& metrics);

void AddAllRoutes(Api& api, Services& services);

}  // namespace billhook::http
