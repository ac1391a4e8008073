#include "service/sagas/dunning_reactions.h"

#include "service/query/events_query.h"
#include "service/storage/event_log.h"

namespace billhook::sagas {
namespace {

constexpr std::int64_t kSettlementsLookedAt = 100;  // the newest; an invoice is settled once or twice

}  // namespace

void DunningReactions::Read(const std::vector<Trigger>& triggers) {
  news_.clear();
  started_.clear();
  std::vector<std::int64_t> missing;
  for (const Trigger& trigger : triggers) {
    if (trigger.news) {
      Take(*trigger.news);
    } else if (!trigger.started) {
      missing.push_back(trigger.position);
    }
  }
  if (!missing.empty()) {
    storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
    for (const std::vector<std::int64_t>& run : storage::RunsOf(*session, storage::Timeline(), missing)) {
      for (const RecordedEvent& event : storage::ReadEventsAt(*session, run)) Take(event);
    }
  }
  ReadSagas();
}

void DunningReactions::Take(const RecordedEvent& event) {
  if (std::optional<InvoiceNews> news = ReadInvoiceNews(event))
    news_.emplace(event.position, *std::move(news));
}

void DunningReactions::ReadSagas() {
  storage::PairList sagas;
  for (const auto& [position, news] : news_) sagas.emplace_back(news.tenant, DunningIdOf(news));
  if (sagas.empty()) return;
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  storage::Rows rows = session->Query(
      "SELECT a, b, (SELECT version FROM events WHERE tenant = a AND aggregate_id = b AND aggregate_type = "
      "'" +
          std::string(kAggregateType) + "' AND version = 1) FROM PAIRS($1)",
      {sagas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows.IsNull(i, 2)) started_.emplace(rows.TakeText(i, 0), rows.TakeText(i, 1));
  }
}

std::optional<SagaKey> DunningReactions::React(std::int64_t position) {
  const auto known = news_.find(position);
  if (known == news_.end()) return std::nullopt;
  const InvoiceNews& news = known->second;
  const SagaKey saga = {news.tenant, DunningIdOf(news)};
  // Most invoices are paid without ado: a settlement ends a saga, and means nothing where there is none.
  if (news.settled && started_.count({saga.tenant, saga.id}) == 0) return std::nullopt;
  const bool settled_before = !news.settled && SettledBefore(news, position);
  const Result<SagaLog::Noted, ingest::Refusal> noted =
      sagas_.Record(saga, [&](const Json& state, UnixMicros now) {
        return billhook::sagas::React(state, news, settled_before, grace_, now);
      });
  if (!noted) throw StorageError("the log takes no events of sagas right now", true);
  if (!noted->position) return std::nullopt;
  started_.emplace(saga.tenant, saga.id);
  return saga;
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
