// PostgreSQL 15 or newer, for production: any number of billhook processes share one database. Sessions are
// pooled and opened again with a back-off; with several hosts in the URL the one that accepts writes is
// found. libpqxx stays behind this folder. Thread safe.
#pragma once

#include <memory>
#include <string>

#include "service/storage/postgres/postgres_listener.h"
#include "service/storage/session_pool.h"
#include "service/storage/sql.h"

namespace billhook::storage {

class PostgresDatabase : public Database {
 public:
  // `url` is any libpq URL; time limits and target_session_attrs=read-write are added where it does not say
  // otherwise. Connects on first use.
  PostgresDatabase(const std::string& url, std::size_t readers);

  Lease Acquire(Purpose purpose) override;
  [[nodiscard]] SessionUse UseOf(Purpose purpose) override { return pool_.UseOf(purpose); }
  [[nodiscard]] std::vector<DatabasePart> parts() const override {
    return {{Purpose::kAppend, "postgresql"}};
  }
  [[nodiscard]] std::string_view engine() const override { return "postgresql"; }
  void Listen(OnHeard on_heard, OnHearing on_hearing) override;
  void StopListening() override { listener_.reset(); }
  [[nodiscard]] Hearing hearing() const override;

 protected:
  void GiveBack(Purpose purpose, std::unique_ptr<Session> session) override;

 private:
  std::string url_;
  std::string sender_;  // what this process calls itself when it announces something
  SessionPool pool_;
  std::unique_ptr<PostgresListener> listener_;
};

// Whether libpq can read the URL. Its own words on what is wrong would quote the password.
bool IsPostgresUrl(const std::string& url);

// The URL with billhook's defaults added for parameters that it does not name.
std::string WithDefaultParameters(std::string url);

}  // namespace billhook::storage
