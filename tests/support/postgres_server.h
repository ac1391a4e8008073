// A real PostgreSQL server of a test's own (Debian's postgresql-15) that may be killed, stopped, replicated
// and promoted: on 127.0.0.1, superuser `billhook` without a password, fsync on, all its files in one
// directory that goes with the object. As root it runs as the user `postgres`. Not thread safe.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "service/storage/sql.h"
#include "tests/support/child_process.h"

namespace billhook::test {

class PostgresServer {
 public:
  struct Options {
    std::vector<std::string> settings = {};                                 // "max_connections=20"
    int port = 0;                                                           // 0: a free one
    std::filesystem::path parent = std::filesystem::temp_directory_path();  // of its directory
    std::vector<std::string> initdb = {};                                   // "--wal-segsize=1"
  };

  // Returns once it takes connections; throws std::runtime_error with its log if it does not.
  PostgresServer() : PostgresServer(Options()) {}
  explicit PostgresServer(Options options);
  // A streaming standby of `primary`.
  PostgresServer(const PostgresServer& primary, Options options);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  static constexpr const char* kProgram = "/usr/lib/postgresql/15/bin/postgres";

  [[nodiscard]] int port() const { return options_.port; }
  [[nodiscard]] std::string host_and_port() const { return "127.0.0.1:" + std::to_string(options_.port); }
  [[nodiscard]] std::string url() const { return "postgresql://billhook@" + host_and_port() + "/postgres"; }

  void Start();
  // SIGKILL to the server and to every process of its: what a power cut leaves behind.
  void Kill();
  // With SIGINT ("fast"): it ends its sessions and stops in order.
  void Stop();
  [[nodiscard]] bool Running() { return process_ && !process_->Ended(); }

  // The answer of one statement, over a connection of its own.
  storage::Rows Query(const std::string& sql) const;
  // Statements without rows, outside of any transaction.
  void Execute(const std::string& script) const;

  // Whether commits wait for a standby from now on; when they do, returns once one is there to wait for.
  void SetSynchronous(bool on) const;
  // Makes a standby the primary; returns once it takes writes.
  void Promote() const;

 private:
  void MakeDirectory();
  std::vector<std::string> Command(const std::string& program,
                                   const std::vector<std::string>& arguments) const;
  void RunOrThrow(const std::string& program, const std::vector<std::string>& arguments) const;

  Options options_;
  std::filesystem::path directory_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace billhook::test
