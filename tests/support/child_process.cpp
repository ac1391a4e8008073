#include "tests/support/child_process.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

constexpr int kFirstPort = 20'000;
constexpr int kPorts = 12'000;

std::string Contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path ScratchFile(const std::string& kind) {
  static std::atomic<int> number{0};
  return fs::temp_directory_path() /
         ("billhook-" + std::to_string(getpid()) + "-" + std::to_string(number++) + "-" + kind);
}

int StatusOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

pid_t Spawn(const std::vector<std::string>& command, ProcessEnvironment environment, const fs::path& in,
            const fs::path& out, const fs::path& err, std::size_t open_files = 0) {
  // Sanitizers are told things by their environment too.
  for (const char* name : {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) environment.emplace(name, value);
  }
  std::vector<std::string> texts = command;
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& text : texts) argv.push_back(text.data());
  for (std::string& setting : settings) envp.push_back(setting.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const auto redirect = [](const fs::path& path, int flags, int to) {
    const int file = open(path.c_str(), flags, 0600);
    if (file < 0 || dup2(file, to) < 0) _exit(126);
  };
  redirect(in, O_RDONLY, STDIN_FILENO);
  redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  const rlimit limit{open_files, open_files};
  if (open_files > 0 && setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(126);
  execvpe(argv[0], argv.data(), envp.data());
  _exit(127);
}

}  // namespace

Finished RunProgram(const std::vector<std::string>& command, const ProcessEnvironment& environment,
                    const std::string& input) {
  const fs::path in = ScratchFile("in");
  const fs::path out = ScratchFile("out");
  const fs::path err = ScratchFile("err");
  std::ofstream(in, std::ios::binary) << input;
  const pid_t pid = Spawn(command, environment, in, out, err);
  int status = 0;
  waitpid(pid, &status, 0);
  Finished finished{StatusOf(status), Contents(out), Contents(err)};
  for (const fs::path& file : {in, out, err}) fs::remove(file);
  return finished;
}

ChildProcess::ChildProcess(const std::vector<std::string>& command, const ProcessEnvironment& environment,
                           std::size_t open_files)
    : log_(ScratchFile("log")),
      pid_(Spawn(command, environment, "/dev/null", "/dev/null", log_, open_files)) {}

ChildProcess::~ChildProcess() {
  if (!Ended()) {
    Signal(SIGKILL);
    Wait();
  }
  fs::remove(log_);
}

std::string ChildProcess::Log() const {
  return Contents(log_);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

int ChildProcess::Wait() {
  if (pid_ < 0) return status_;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return status_ = StatusOf(status);
}

std::optional<int> ChildProcess::Ended() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    status_ = StatusOf(status);
  }
  return pid_ < 0 ? std::optional(status_) : std::nullopt;
}

bool Await(const std::function<bool()>& there, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!there()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

int FreePort() {
  static std::atomic<unsigned> next = std::random_device()();
  for (int tries = 0; tries < kPorts; ++tries) {
    const int port = kFirstPort + static_cast<int>(next++ % kPorts);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound = bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(listener);
    if (bound) return port;
  }
  throw std::runtime_error("there is no free port");
}

bool HasIpv6() {
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool bound = bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(socket);
  return bound;
}

}  // namespace billhook::test
