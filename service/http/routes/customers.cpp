// GET /api/v1/customers, /api/v1/customers/{id} and /api/v1/customers/{id}/timeline.
#include "service/http/routes/reading.h"
#include "service/query/customers_query.h"
#include "service/query/timeline_query.h"

namespace billhook::http {
namespace {

// What tells whether there is a timeline.
const std::vector<std::string> kTimeline = {"customer_timeline", "customers"};

// What a customer is joined from; on a branch its timeline says which subscriptions to look at.
std::vector<std::string> Joined(const Call& call) {
  std::vector<std::string> joined = {"customers", "subscriptions", "payment_ledger"};
  if (call.query.Text("branch")) joined.emplace_back("customer_timeline");
  return joined;
}

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kCustomerKeyParts);
  auto filter = ScopedFilter<query::CustomerFilter>(call);
  filter.email = call.query.Text("email");
  filter.deleted = call.query.Boolean("deleted");
  if (std::optional<Response> refusal = AwaitProjectionsOn(call, services, Joined(call), filter.timeline))
    return *refusal;
  return ListResponse(query::ListCustomers(services.database, filter, page));
}

Response Get(Call& call, Services& services) {
  auto filter = ScopedFilter<query::CustomerFilter>(call);
  if (std::optional<Response> refusal = AwaitProjectionsOn(call, services, Joined(call), filter.timeline))
    return *refusal;
  query::Page found = query::FindCustomer(services.database, call.path_parameters[0], filter);
  if (found.has_more || found.rows.size() != 1) return NotOne("customer", found.rows.size());
  return ReadModelResponse(std::move(found.rows.front()), found.position);
}

Response Timeline(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kTimelineKeyParts, KeyStart::kNumber);
  auto filter = ScopedFilter<query::TimelineFilter>(call);
  filter.customer = call.path_parameters[0];
  if (std::optional<Response> refusal = AwaitProjectionsOn(call, services, kTimeline, filter.timeline))
    return *refusal;
  const query::Timeline timeline = query::ReadTimeline(services.database, filter, page);
  return timeline.customers == 1 ? ListResponse(timeline.page) : NotOne("customer", timeline.customers);
}

}  // namespace

void AddCustomerRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/customers", Role::kReader,
           ListParameters({"email", "deleted", "livemode", "account", "branch"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/customers/{id}", Role::kReader, ReadParameters({"livemode", "account", "branch"}),
           [&services](Call& call) { return Get(call, services); }});
  api.Add({"GET", "/api/v1/customers/{id}/timeline", Role::kReader,
           ListParameters({"livemode", "account", "branch"}),
           [&services](Call& call) { return Timeline(call, services); }});
}

}  // namespace billhook::http
