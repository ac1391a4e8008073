#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/simulate/deliveries.h"
#include "service/simulate/poster.h"

namespace billhook::cli {
namespace {

constexpr std::size_t kMaxConnections = 1'024;

struct Options {
  simulate::DeliveryOptions deliveries;
  simulate::PostOptions post;
  std::string tenant;
  std::string out;
  bool test = false;
  bool json = false;
};

int WriteOut(const Options& options) {
  const bool to_stdout = options.out == "-";
  std::ofstream file;
  if (!to_stdout) file.open(options.out, std::ios::binary | std::ios::trunc);
  std::ostream& out = to_stdout ? std::cout : file;
  simulate::Deliveries deliveries(options.deliveries);
  const auto total = static_cast<std::int64_t>(deliveries.size());
  Progress progress("written");
  std::int64_t done = 0;
  while (out) {
    const auto& part = deliveries.Next();
    if (part.empty()) break;
    for (const simulate::Delivery& delivery : part) {
      out << delivery.event->body << '\n';
      if (!out) break;
      progress.Show(++done, total);
    }
  }
  out.flush();
  if (!out) return Fail("cannot write to " + (to_stdout ? "standard output" : options.out));
  return 0;
}

simulate::PostSummary PostAll(const Options& options) {
  simulate::Deliveries deliveries(options.deliveries);
  Progress progress("answered");
  return simulate::Post(deliveries, options.post, [&](std::uint64_t done) {
    progress.Show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(deliveries.size()));
  });
}

int PostTo(Options& options) {
  options.post.secret = options.post.secret.substr(0, options.post.secret.find(','));
  if (options.post.secret.empty()) {
    return Fail("no signing secret: give --secret, or set STRIPE_WEBHOOK_SECRET to the service's own");
  }
  if (!options.tenant.empty()) options.post.path += "/" + options.tenant;
  const simulate::PostSummary summary = PostAll(options);
  for (const std::string& fault : summary.faults) Fail(fault);
  const std::string report = options.json ? AsJson(summary) : AsTable(summary);
  std::fwrite(report.data(), 1, report.size(), stdout);
  std::fflush(stdout);
  if (summary.good()) return 0;
  return Fail(std::to_string(summary.wrong) + " answers were wrong, " + std::to_string(summary.unanswered) +
              " deliveries remained unanswered");
}

}  // namespace

void AddSimulate(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "simulate", "Generate a seeded history of billing life as Stripe events; post it signed, or write it");
  CLI::Option_group* target = command->add_option_group("target", "Where the events go");
  CLI::Option* url = target->add_option("--url", options->post.base_url,
                                        "Base address of the service, e.g. http://127.0.0.1:8080");
  target->add_option("--out", options->out,
                     "File to write to, one event body a line (- for standard output)");
  target->require_option(1);

  command->add_option("--events", options->deliveries.history.events, "Number of events")
      ->check(CLI::Range(std::uint64_t{1}, simulate::kMaxEvents))
      ->capture_default_str();
  command->add_option("--seed", options->deliveries.history.seed, "The same seed gives the same events")
      ->capture_default_str();
  command->add_flag("--shuffle", options->deliveries.shuffle, "Sends them in a random order, by the seed");
  command
      ->add_option("--duplicates", options->deliveries.duplicates_percent,
                   "Per cent of the events sent twice")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_flag("--test", options->test, "Events of test mode (livemode false)");

  command
      ->add_option("--secret", options->post.secret,
                   "Signing secret; of several, separated by commas, the first")
      ->envname("STRIPE_WEBHOOK_SECRET");
  command->add_option("--tenant", options->tenant, "Posts to /webhooks/stripe/TENANT")->needs(url);
  command->add_option("--connections", options->post.connections, "Connections that post at the same time")
      ->check(CLI::Range(std::size_t{1}, kMaxConnections))
      ->needs(url)
      ->capture_default_str();
  command->add_option("--rate", options->post.rate, "Deliveries a second, 0 = as fast as possible")
      ->check(CLI::NonNegativeNumber)
      ->needs(url)
      ->capture_default_str();
  command
      ->add_flag("--again", options->post.sent_before,
                 "The same history was posted before: first deliveries may be duplicates")
      ->needs(url);
  command->add_flag("--json", options->json, "Prints the summary as one JSON object")->needs(url);

  command->callback([options, &run] {
    options->deliveries.history.livemode = !options->test;
    options->deliveries.history.pretty = options->out.empty();
    run = [options] { return options->out.empty() ? PostTo(*options) : WriteOut(*options); };
  });
}

}  // namespace billhook::cli
