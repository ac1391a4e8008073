#include "service/http/routes/routes.h"

namespace billhook::http {

void AddAllRoutes(Api& api, Services& services) {
  AddWebhookRoutes(api, services);
  AddSubscriptionRoutes(api, services);
  AddLedgerRoutes(api, services);
  AddRevenueRoutes(api, services);
  AddCustomerRoutes(api, services);
  AddInvoiceRoutes(api, services);
  AddCommandRoutes(api, services);
  AddSagaRoutes(api, services);
  AddQueryRoutes(api, services);
  AddEventRoutes(api, services);
  AddReplayRoutes(api, services);
  AddBranchRoutes(api, services);
  AddProjectionRoutes(api, services);
  AddDeadLetterRoutes(api, services);
  AddReconciliationRoutes(api, services);
  AddHealthRoutes(api, services);
  AddDocsRoutes(api);
}

}  // namespace billhook::http
