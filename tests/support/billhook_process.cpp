#include "tests/support/billhook_process.h"

#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"

namespace billhook::test {
namespace {

std::vector<std::string> Command(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {BillhookBinary()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

ProcessEnvironment WithPort(ProcessEnvironment environment) {
  environment.emplace("PORT", "0");
  return environment;
}

// Where it listens, once its log says so.
std::string AddressIn(const std::string& log) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.is_object() && entry.value("message", "") == "listening") return entry.at("address");
  }
  return "";
}

}  // namespace

Finished RunBillhook(const std::vector<std::string>& arguments, const ProcessEnvironment& environment,
                     const std::string& input) {
  return RunProgram(Command(arguments), environment, input);
}

ServeProcess::ServeProcess(ProcessEnvironment environment, std::size_t open_files)
    : process_(Command({"serve"}), WithPort(std::move(environment)), open_files) {
  const auto listens_or_ended = [this] {
    const bool ended = process_.Ended().has_value();
    address_ = AddressIn(Log());
    return ended || !address_.empty();
  };
  if (!Await(listens_or_ended, std::chrono::seconds(60)))
    throw std::runtime_error("serve does not listen: " + Log());
  if (const std::optional<int> status = process_.Ended())
    throw std::runtime_error("serve ended with " + std::to_string(*status) + ": " + Log());
}

}  // namespace billhook::test
