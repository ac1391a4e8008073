#include "service/query/invoices_query.h"

#include "projections/invoices.h"
#include "service/query/branch_objects.h"
#include "service/query/where.h"

namespace billhook::query {
namespace {

constexpr const char* kInvoicesTable = "invoices";

Page Read(storage::Database& database, const InvoiceFilter& filter, const std::optional<std::string>& id,
          const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, kInvoicesTable);
  if (filter.timeline.branch()) {
    static const Invoices kProjection;
    const BranchObjects objects = {kProjection, Invoices::kTable, "invoice",
                                   live,        filter.tenant,    filter.timeline};
    const auto wanted = [&filter](const Row& row) {
      const auto has = [&row](std::string_view column, const auto& value) {
        return Has(Invoices::kTable, row, column, value);
      };
      return has("customer", filter.customer) && has("subscription", filter.subscription) &&
             has("status", filter.status) && has("account", filter.account) &&
             has("livemode", filter.livemode);
    };
    return id ? FindObjects(*session, objects, *id, wanted) : ListObjects(*session, objects, wanted, request);
  }
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.EqualIf("id", id);
  where.EqualIf("customer", filter.customer);
  where.EqualIf("subscription", filter.subscription);
  where.EqualIf("status", filter.status);
  where.EqualIf("account", filter.account);
  if (filter.livemode) where.Equal("livemode", std::int64_t{*filter.livemode});
  return ReadRows(*session, kInvoicesTable, where, request, live.position);
}

}  // namespace

Page ListInvoices(storage::Database& database, const InvoiceFilter& filter, const PageRequest& request) {
  return Read(database, filter, std::nullopt, request);
}

std::optional<ObjectName> NameOf(const InvoiceFilter& filter, const std::string& id) {
  if (filter.timeline.branch() || filter.account || filter.livemode) return std::nullopt;
  return ObjectName{filter.tenant, id};
}

Found FindInvoice(storage::Database& database, const std::string& id, const InvoiceFilter& filter) {
  return OnlyOneOf(Read(database, filter, id, {kMaxHomonyms, {}}));
}

}  // namespace billhook::query
