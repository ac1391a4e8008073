// Posts deliveries as Stripe would: signed at the moment of sending, over several keep-alive connections, at
// a given pace or as fast as possible; 503 and lost connections are tried again, a bounded number of times.
// Each answer is checked. The clock of the summary runs only while posting, not while the next part is
// generated. Post() blocks; its threads end with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "service/clock.h"
#include "service/simulate/deliveries.h"

namespace billhook::simulate {

struct PostOptions {
  std::string base_url{};
  std::string path = "/webhooks/stripe";
  std::string secret{};
  std::size_t connections = 8;
  double rate = 0;                             // deliveries a second, 0 = as fast as possible
  bool sent_before = false;                    // by an earlier run: any answer may be `duplicate`
  std::chrono::milliseconds first_pause{100};  // before trying again without an answer; doubles up to 2 s
};

struct PostSummary {
  std::map<int, std::uint64_t> status_codes;  // of all answers, 503 included
  std::uint64_t events = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t recorded = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t tries_without_answer = 0;
  std::uint64_t tried_again = 0;
  std::uint64_t wrong = 0;          // deliveries whose answer was not right
  std::uint64_t unanswered = 0;     // deliveries given up or never begun
  std::vector<std::string> faults;  // the first of them, in words
  double posting_s = 0;
  double generating_s = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;

  [[nodiscard]] bool good() const { return wrong == 0 && unanswered == 0; }
  [[nodiscard]] double PerSecond() const;  // right answers in the time of posting
};

// Called now and then from the calling thread with the number of deliveries done.
using Progress = std::function<void(std::uint64_t done)>;

PostSummary Post(Deliveries& deliveries, const PostOptions& options, const Progress& progress,
                 const Clock& clock = SystemClock);

// For people, and as one JSON object.
std::string AsTable(const PostSummary& summary);
std::string AsJson(const PostSummary& summary);

}  // namespace billhook::simulate
