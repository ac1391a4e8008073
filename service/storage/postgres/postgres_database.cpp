#include "service/storage/postgres/postgres_database.h"

#include <string_view>

#include <libpq-fe.h>

#include "domain/event.h"
#include "service/clock.h"
#include "service/storage/postgres/postgres_session.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kAppenders = 2;
constexpr std::size_t kMaxProjectors = 64;
constexpr std::size_t kFinders = 2;  // of subscriptions and of invoices

}  // namespace

bool IsPostgresUrl(const std::string& url) {
  PQconninfoOption* options = PQconninfoParse(url.c_str(), nullptr);
  bool usable = options != nullptr;
  for (const PQconninfoOption* option = options; usable && option->keyword != nullptr; ++option) {
    // A password with an unescaped '/' is taken for a port.
    const bool is_port = std::string_view(option->keyword) == "port" && option->val != nullptr;
    if (is_port && std::string_view(option->val).find_first_not_of("0123456789,") != std::string_view::npos)
      usable = false;
  }
  PQconninfoFree(options);
  return usable;
}

std::string WithDefaultParameters(std::string url) {
  struct Default {
    const char* name;
    const char* value;
  };
  // A host that is gone must be noticed in seconds, whether it owes us an acknowledgement (tcp_user_timeout,
  // in ms) or an answer (keepalives), and a standby cannot take events.
  constexpr Default kDefaults[] = {{"connect_timeout", "5"},
                                   {"tcp_user_timeout", "10000"},
                                   {"keepalives_idle", "5"},
                                   {"keepalives_interval", "2"},
                                   {"keepalives_count", "3"},
                                   {"client_encoding", "UTF8"},
                                   {"target_session_attrs", "read-write"},
                                   {"application_name", "billhook"}};
  for (const Default& parameter : kDefaults) {
    const std::size_t query = url.find('?');
    const std::string name = std::string(parameter.name) + "=";
    const bool given = query != std::string::npos && (url.find("?" + name, query) != std::string::npos ||
                                                      url.find("&" + name, query) != std::string::npos);
    if (!given) url += (query == std::string::npos ? "?" : "&") + name + parameter.value;
  }
  return url;
}

PostgresDatabase::PostgresDatabase(const std::string& url, std::size_t readers)
    : url_(WithDefaultParameters(url)),
      sender_(NewUuidV7(SystemClock())),
      pool_({kAppenders, 0, kMaxProjectors, readers, kFinders},
            [this](Purpose purpose) { return std::make_unique<PostgresSession>(url_, purpose, sender_); }) {}

Database::Lease PostgresDatabase::Acquire(Purpose purpose) {
  // What is noted waits for the flush no more than read models do.
  const Purpose pooled = purpose == Purpose::kNote ? Purpose::kProject : purpose;
  return Lease(*this, pooled, pool_.Acquire(pooled));
}

void PostgresDatabase::Listen(OnHeard on_heard, OnHearing on_hearing) {
  const auto send = [this](const std::string& text) {
    Acquire(Purpose::kProject)->Query("SELECT pg_notify(" + std::string(kChannelSql) + ", $1)", {text});
  };
  listener_ =
      std::make_unique<PostgresListener>(url_, sender_, send, std::move(on_heard), std::move(on_hearing));
}

Hearing PostgresDatabase::hearing() const {
  return listener_ == nullptr ? Hearing::kBroken : listener_->hearing();
}

void PostgresDatabase::GiveBack(Purpose purpose, std::unique_ptr<Session> session) {
  pool_.GiveBack(purpose, std::move(session));
}

}  // namespace billhook::storage
