#include "service/storage/postgres/postgres_listener.h"

#include <algorithm>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain/check.h"
#include "domain/event_store.h"

namespace billhook::storage {
namespace {

constexpr std::chrono::seconds kTrialPause{30};    // between two proofs that announcements arrive
constexpr std::chrono::seconds kTrialPatience{5};  // for one to come back
constexpr std::chrono::milliseconds kFirstBackOff{100};
constexpr std::chrono::milliseconds kLongestBackOff{30'000};
constexpr std::string_view kTrial = "trial";

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

[[noreturn]] void ThrowLost(PGconn* connection) {
  const std::string text = PQerrorMessage(connection);
  throw StorageError("PostgreSQL: " + text.substr(0, text.find('\n')), true);
}

Answer Ask(PGconn* connection, const std::string& sql) {
  Answer answer(PQexec(connection, sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) ThrowLost(connection);
  return answer;
}

}  // namespace

const char* const kChannelSql = "'billhook_' || hashtext(coalesce(current_schema(), ''))";

PostgresListener::PostgresListener(std::string url, std::string sender, Send send, OnHeard on_heard,
                                   OnHearing on_hearing)
    : url_(std::move(url)),
      sender_(std::move(sender)),
      send_(std::move(send)),
      on_heard_(std::move(on_heard)),
      on_hearing_(std::move(on_hearing)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  BILLHOOK_CHECK(stop_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

PostgresListener::~PostgresListener() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(stop_);
}

void PostgresListener::Run() {
  while (Wait(-1, Clock::now() + back_off_)) {
    try {
      const Connection connection = Connect();
      Follow(connection.get());
    } catch (const StorageError& error) {
      back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
      SetHearing(Hearing::kBroken, error.what());
    }
  }
}

PostgresListener::Connection PostgresListener::Connect() {
  Connection connection(PQconnectdb(url_.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) ThrowLost(connection.get());
  const Answer server = Ask(connection.get(), "SELECT pg_backend_pid()");
  if (std::to_string(PQbackendPID(connection.get())) != PQgetvalue(server.get(), 0, 0))
    throw StorageError("a pooler such as PgBouncer stands in between: it hands on no notifications", true);
  // DO, since LISTEN takes no expression.
  Ask(connection.get(), std::string("DO $$ BEGIN EXECUTE format('LISTEN %I', ") + kChannelSql + "); END $$");
  return connection;
}

void PostgresListener::Follow(PGconn* connection) {
  on_heard_({});  // whatever was announced while nobody listened
  trial_heard_ = true;
  Clock::time_point next_trial = Clock::now();
  do {
    if (PQconsumeInput(connection) == 0) ThrowLost(connection);
    while (PGnotify* notification = PQnotifies(connection)) {
      const std::unique_ptr<PGnotify, decltype(&PQfreemem)> owned(notification, &PQfreemem);
      const bool waiting = !trial_heard_;
      Take(notification->extra);
      if (waiting && trial_heard_) next_trial = Clock::now() + kTrialPause;
    }
    if (Clock::now() < next_trial) continue;
    if (!trial_heard_) throw StorageError("what processes announce does not arrive", true);
    trial_heard_ = false;
    send_(sender_ + " " + std::string(kTrial));
    next_trial = Clock::now() + kTrialPatience;
  } while (Wait(PQsocket(connection), next_trial));
}

void PostgresListener::Take(std::string_view text) {
  const bool own = text.starts_with(sender_ + " ");
  text.remove_prefix(std::min(text.find(' '), text.size() - 1) + 1);
  if (own && text == kTrial) {
    trial_heard_ = true;
    back_off_ = std::chrono::milliseconds(0);
    SetHearing(Hearing::kWorks, "");
  }
  if (own) return;
  if (const std::optional<Announcement> announcement = Announcement::From(text)) on_heard_(*announcement);
}

void PostgresListener::SetHearing(Hearing hearing, const std::string& why) {
  if (hearing_.exchange(hearing) == hearing && told_) return;
  told_ = true;
  on_hearing_(hearing, why);
}

bool PostgresListener::Wait(int socket, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd watched[] = {{stop_, POLLIN, 0}, {socket, POLLIN, 0}};  // a negative descriptor is left out
  poll(watched, 2, static_cast<int>(std::max<std::int64_t>(0, left)));
  return watched[0].revents == 0;
}

}  // namespace billhook::storage
