#include "tests/support/postgres_server.h"

#include <csignal>
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include "domain/event_store.h"
#include "service/storage/postgres/postgres_session.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{60};

std::vector<pid_t> ChildrenOf(pid_t pid) {
  const std::string number = std::to_string(pid);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

}  // namespace

PostgresServer::PostgresServer(Options options) : options_(std::move(options)) {
  MakeDirectory();
  std::vector<std::string> arguments = {"--pgdata", directory_ / "data", "--username", "billhook", "--auth",
                                        "trust",    "--encoding",        "UTF8",       "--locale", "C",
                                        "--no-sync"};
  arguments.insert(arguments.end(), options_.initdb.begin(), options_.initdb.end());
  RunOrThrow("initdb", arguments);
  Start();
}

PostgresServer::PostgresServer(const PostgresServer& primary, Options options)
    : options_(std::move(options)) {
  MakeDirectory();
  RunOrThrow("pg_basebackup", {"--pgdata", directory_ / "data", "--dbname", primary.url(),
                               "--write-recovery-conf", "--checkpoint=fast", "--no-sync"});
  Start();
}

PostgresServer::~PostgresServer() {
  Kill();
  fs::remove_all(directory_);
}

void PostgresServer::MakeDirectory() {
  std::string name = options_.parent / "billhook-postgres.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  if (geteuid() == 0) RunProgram({"chown", "postgres:postgres", name}, {});
  if (options_.port == 0) options_.port = FreePort();
}

std::vector<std::string> PostgresServer::Command(const std::string& program,
                                                 const std::vector<std::string>& arguments) const {
  std::vector<std::string> command;
  if (geteuid() == 0) command = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
  command.push_back(fs::path(kProgram).replace_filename(program));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void PostgresServer::RunOrThrow(const std::string& program, const std::vector<std::string>& arguments) const {
  const Finished finished = RunProgram(Command(program, arguments), {});
  if (finished.status != 0) throw std::runtime_error(program + ": " + finished.err);
}

void PostgresServer::Start() {
  std::vector<std::string> arguments = {"-D", directory_ / "data",   "-k", directory_,
                                        "-p", std::to_string(port())};
  std::vector<std::string> settings = {"listen_addresses=127.0.0.1", "max_connections=200"};
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  for (const std::string& setting : settings) arguments.insert(arguments.end(), {"-c", setting});
  const auto answers_or_ended = [this] {
    if (process_->Ended()) return true;
    try {
      return Query("SELECT 1").size() == 1;
    } catch (const StorageError&) {
      return false;
    }
  };
  // What is left of a server that was killed may hold its memory for a moment longer.
  const auto started = [&] {
    process_ = std::make_unique<ChildProcess>(Command("postgres", arguments), ProcessEnvironment());
    const bool answers = Await(answers_or_ended, kPatience) && !process_->Ended();
    return answers || process_->Log().find("is still in use") == std::string::npos;
  };
  if (!Await(started, kPatience) || process_->Ended())
    throw std::runtime_error("PostgreSQL does not start: " + process_->Log());
}

void PostgresServer::Kill() {
  if (!Running()) return;
  // Stopped first, so that it starts no new ones meanwhile.
  process_->Signal(SIGSTOP);
  for (const pid_t child : ChildrenOf(process_->pid())) kill(child, SIGKILL);
  process_->Signal(SIGKILL);
  process_->Wait();
}

void PostgresServer::Stop() {
  process_->Signal(SIGINT);
  process_->Wait();
}

storage::Rows PostgresServer::Query(const std::string& sql) const {
  return storage::PostgresSession(url(), storage::Purpose::kRead).Query(sql, {});
}

void PostgresServer::Execute(const std::string& script) const {
  storage::PostgresSession(url(), storage::Purpose::kRead).ExecuteScript(script);
}

void PostgresServer::SetSynchronous(bool on) const {
  Execute(on ? "ALTER SYSTEM SET synchronous_standby_names = '*'"
             : "ALTER SYSTEM RESET synchronous_standby_names");
  Execute("SELECT pg_reload_conf()");
  const auto waits = [this] {
    return !Query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").empty();
  };
  if (on && !Await(waits, kPatience)) throw std::runtime_error("no standby follows");
}

void PostgresServer::Promote() const {
  // Waiting, it would hold up the very recovery that it waits for, where that must remove what it may still
  // see.
  Execute("SELECT pg_promote(false)");
  const auto writable = [this] { return Query("SHOW transaction_read_only").Text(0, 0) == "off"; };
  if (!Await(writable, kPatience)) throw std::runtime_error("the standby was not promoted");
}

}  // namespace billhook::test
