// GET /api/v1/ledger/entries and /api/v1/ledger/balances.
#include "domain/stripe/fields.h"
#include "service/http/routes/reading.h"
#include "service/query/ledger_query.h"

namespace billhook::http {
namespace {

constexpr const char* kProjection = "payment_ledger";

using Read = query::Page (*)(storage::Database&, const query::LedgerFilter&, const query::PageRequest&);

Response List(Call& call, Services& services, Read read, std::size_t key_parts) {
  const query::PageRequest page = PageRequestOf(call, key_parts);
  query::LedgerFilter filter;
  filter.tenant = call.caller.tenant;
  filter.customer = call.query.Text("customer");
  filter.currency = call.query.Text("currency");
  if (filter.currency) filter.currency = stripe::LowerCase(*filter.currency);
  filter.type = call.query.Text("type");
  filter.source = call.query.Text("source");
  filter.livemode = call.query.Boolean("livemode");
  filter.account = call.query.Text("account");
  filter.from = call.query.Time("from");
  filter.to = call.query.Time("to");
  filter.as_of = AsOfOf(call);
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  return ListResponse(read(services.database, filter, page));
}

}  // namespace

void AddLedgerRoutes(Api& api, Services& services) {
  const std::vector<std::string_view> filters = {"customer", "currency", "type", "source", "livemode",
                                                 "account",  "from",     "to",   "branch"};
  std::vector<std::string_view> filters_of_balances = filters;
  filters_of_balances.insert(filters_of_balances.end(), {"as_of", "time_axis"});
  api.Add({"GET", "/api/v1/ledger/entries", Role::kReader, ListParameters(filters), [&services](Call& call) {
             return List(call, services, &query::ListEntries, query::kEntryKeyParts);
           }});
  api.Add({"GET", "/api/v1/ledger/balances", Role::kReader, ListParameters(filters_of_balances),
           [&services](Call& call) {
             return List(call, services, &query::ListBalances, query::kBalanceKeyParts);
           }});
}

}  // namespace billhook::http
