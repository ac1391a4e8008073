#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "domain/stripe/signature.h"
#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/clock.h"

namespace billhook::cli {
namespace {

struct SignOptions {
  std::string secret;
  std::int64_t timestamp = -1;
  std::string file;
};

int Sign(const SignOptions& options) {
  std::string body;
  if (options.file.empty() || options.file == "-") {
    body.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(options.file, std::ios::binary);
    if (!file || std::filesystem::is_directory(options.file)) return Fail("cannot read " + options.file);
    body.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::int64_t timestamp =
      options.timestamp >= 0 ? options.timestamp : SystemClock() / kMicrosPerSecond;
  std::printf("%s\n", stripe::SignatureHeader(options.secret, timestamp, body).c_str());
  return 0;
}

}  // namespace

void AddSign(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("sign", "Print the Stripe-Signature header for a body");
  auto options = std::make_shared<SignOptions>();
  command->add_option("--secret", options->secret, "The endpoint's signing secret")->required();
  command->add_option("--timestamp", options->timestamp, "Unix seconds; default: now")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{99'999'999'999}));
  command->add_option("FILE", options->file, "The body; default: standard input");
  command->callback([&run, options] { run = [options] { return Sign(*options); }; });
}

}  // namespace billhook::cli
