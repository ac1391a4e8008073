// GET /api/v1/customers, /api/v1/customers/{id} and /api/v1/customers/{id}/timeline.
#include "service/http/routes/reading.h"
#include "service/query/customers_query.h"
#include "service/query/timeline_query.h"

namespace billhook::http {
namespace {

// What a customer is joined from, and what tells whether there is a timeline.
const std::vector<std::string> kJoined = {"customers", "subscriptions", "payment_ledger"};
const std::vector<std::string> kTimeline = {"customer_timeline", "customers"};

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kCustomerKeyParts);
  auto filter = ScopedFilter<query::CustomerFilter>(call);
  filter.email = call.query.Text("email");
  filter.deleted = call.query.Boolean("deleted");
  if (std::optional<Response> refusal = AwaitProjections(call, services, kJoined)) return *refusal;
  return ListResponse(query::ListCustomers(services.database, filter, page));
}

Response Get(Call& call, Services& services) {
  const auto filter = ScopedFilter<query::CustomerFilter>(call);
  if (std::optional<Response> refusal = AwaitProjections(call, services, kJoined)) return *refusal;
  query::Page found = query::FindCustomer(services.database, call.path_parameters[0], filter);
  if (found.has_more || found.rows.size() != 1) return NotOne("customer", found.rows.size());
  return ReadModelResponse(std::move(found.rows.front()), found.position);
}

Response Timeline(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kTimelineKeyParts, KeyStart::kNumber);
  const query::TimelineFilter filter = {call.caller.tenant, call.path_parameters[0],
                                        call.query.Boolean("livemode"), call.query.Text("account")};
  if (std::optional<Response> refusal = AwaitProjections(call, services, kTimeline)) return *refusal;
  const query::Timeline timeline = query::ReadTimeline(services.database, filter, page);
  return timeline.customers == 1 ? ListResponse(timeline.page) : NotOne("customer", timeline.customers);
}

}  // namespace

void AddCustomerRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/customers", Role::kReader,
           ListParameters({"email", "deleted", "livemode", "account"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/customers/{id}", Role::kReader, ReadParameters({"livemode", "account"}),
           [&services](Call& call) { return Get(call, services); }});
  api.Add({"GET", "/api/v1/customers/{id}/timeline", Role::kReader, ListParameters({"livemode", "account"}),
           [&services](Call& call) { return Timeline(call, services); }});
}

}  // namespace billhook::http
