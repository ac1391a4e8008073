#include "service/sagas/dunning_reactions.h"

#include "service/query/events_query.h"

namespace billhook::sagas {
namespace {

constexpr std::int64_t kSettlementsLookedAt = 100;  // the newest; an invoice is settled once or twice

}  // namespace

std::optional<SagaKey> DunningReactions::React(std::int64_t position) {
  const std::vector<RecordedEvent> events = query::ReadRange(database_, position, position);
  const std::optional<InvoiceNews> news = events.empty() ? std::nullopt : ReadInvoiceNews(events.front());
  if (!news) return std::nullopt;
  const SagaKey saga = {news->tenant, DunningIdOf(*news)};
  const bool settled_before = !news->settled && SettledBefore(*news, position);
  const Result<SagaLog::Noted, ingest::Refusal> noted =
      sagas_.Record(saga, [&](const Json& state, UnixMicros now) {
        return billhook::sagas::React(state, *news, settled_before, grace_, now);
      });
  if (!noted) throw StorageError("the log takes no events of sagas right now", true);
  return noted->position ? std::optional(saga) : std::nullopt;
}

bool DunningReactions::SettledBefore(const InvoiceNews& news, std::int64_t position) {
  std::string types;
  for (std::string_view type : SettledTypes())
    types.append(types.empty() ? "'" : ", '").append(type).append("'");
  std::vector<std::int64_t> positions;
  {
    storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
    const storage::Rows rows = session->Query(
        "SELECT position FROM events WHERE tenant = $1 AND aggregate_id = $2 AND aggregate_type = 'invoice' "
        "AND position < $3 AND source = 'stripe' AND event_type IN (" +
            types + ") ORDER BY version DESC LIMIT " + std::to_string(kSettlementsLookedAt),
        {news.tenant, news.invoice, position});
    for (std::size_t i = 0; i < rows.size(); ++i) positions.push_back(rows.Int(i, 0));
  }
  for (std::int64_t at : positions) {
    for (const RecordedEvent& event : query::ReadRange(database_, at, at)) {
      const std::optional<InvoiceNews> settled = ReadInvoiceNews(event);
      if (settled && SameInvoice(*settled, news)) return true;
    }
  }
  return false;
}

}  // namespace billhook::sagas
