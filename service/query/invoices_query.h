// Reads of the read model `invoices`. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>

#include "service/query/object_finder.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct InvoiceFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::optional<std::string> customer;
  std::optional<std::string> subscription;
  std::optional<std::string> status;
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

// In order of ID. The cursor's key is the ID and the row's key.
constexpr std::size_t kInvoiceKeyParts = 2;
Page ListInvoices(storage::Database& database, const InvoiceFilter& filter, const PageRequest& request);

// What the finder is asked for, where an invoice is named by its ID alone.
std::optional<ObjectName> NameOf(const InvoiceFilter& filter, const std::string& id);
Found FindInvoice(storage::Database& database, const std::string& id, const InvoiceFilter& filter);

}  // namespace billhook::query
