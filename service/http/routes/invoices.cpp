// GET /api/v1/invoices and /api/v1/invoices/{id}.
#include "service/http/routes/reading.h"
#include "service/query/invoices_query.h"

namespace billhook::http {
namespace {

constexpr const char* kProjection = "invoices";
constexpr const char* kNoun = "invoice";

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kInvoiceKeyParts);
  auto filter = ScopedFilter<query::InvoiceFilter>(call);
  filter.customer = call.query.Text("customer");
  filter.subscription = call.query.Text("subscription");
  filter.status = call.query.Text("status");
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  return ListResponse(query::ListInvoices(services.database, filter, page));
}

Reply Get(Call& call, Services& services) {
  auto filter = ScopedFilter<query::InvoiceFilter>(call);
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  const std::string& id = call.path_parameters[0];
  if (std::optional<query::ObjectName> name = query::NameOf(filter, id))
    return FindReply(services.invoices, *std::move(name), kNoun);
  return FoundResponse(query::FindInvoice(services.database, id, filter), kNoun);
}

}  // namespace

void AddInvoiceRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/invoices", Role::kReader,
           ListParameters({"customer", "subscription", "status", "livemode", "account", "branch"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/invoices/{id}", Role::kReader, ReadParameters({"livemode", "account", "branch"}),
           [&services](Call& call) { return Get(call, services); }});
}

}  // namespace billhook::http
