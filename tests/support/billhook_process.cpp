#include "tests/support/billhook_process.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/paths.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

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

pid_t Spawn(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment,
            const fs::path& in, const fs::path& out, const fs::path& err) {
  // Sanitizers are told things by their environment too.
  for (const char* name : {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) environment.emplace(name, value);
  }
  std::vector<std::string> texts = {BillhookBinary()};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
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
  execve(BillhookBinary().c_str(), argv.data(), envp.data());
  _exit(127);
}

}  // namespace

Finished RunBillhook(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment, const std::string& input) {
  const fs::path in = ScratchFile("in");
  const fs::path out = ScratchFile("out");
  const fs::path err = ScratchFile("err");
  std::ofstream(in, std::ios::binary) << input;
  const pid_t pid = Spawn(arguments, environment, in, out, err);
  int status = 0;
  waitpid(pid, &status, 0);
  Finished finished{StatusOf(status), Contents(out), Contents(err)};
  for (const fs::path& file : {in, out, err}) fs::remove(file);
  return finished;
}

ServeProcess::ServeProcess(std::map<std::string, std::string> environment) : log_(ScratchFile("log")) {
  environment.emplace("PORT", "0");
  pid_ = Spawn({"serve"}, environment, "/dev/null", "/dev/null", log_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {
    std::istringstream lines(Contents(log_));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
      if (entry.is_object() && entry.value("message", "") == "listening") {
        address_ = entry.at("address");
        return;
      }
    }
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("serve ended with " + std::to_string(StatusOf(status)) + ": " + Log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a process tells nobody that it wrote a line
  }
  throw std::runtime_error("serve does not listen: " + Log());
}

ServeProcess::~ServeProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  fs::remove(log_);
}

std::string ServeProcess::Log() const {
  return Contents(log_);
}

void ServeProcess::Signal(int signal) const {
  kill(pid_, signal);
}

int ServeProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return StatusOf(status);
}

}  // namespace billhook::test
