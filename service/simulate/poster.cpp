#include "service/simulate/poster.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "domain/stripe/signature.h"
#include "service/http/client.h"
#include "service/http/framing.h"
#include "service/simulate/answer_check.h"

namespace billhook::simulate {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int kMaxTries = 8;
constexpr milliseconds kShortestRetryAfter{100};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kLongestRetryAfter{10'000};
constexpr std::uint64_t kMaxUnanswered = 20;  // then the rest is not begun
constexpr std::size_t kMaxFaults = 10;
constexpr milliseconds kProgressEvery{200};

double SecondsSince(SteadyTime begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

milliseconds RetryAfter(const http::Response& response) {
  int seconds = 1;
  for (const auto& [name, value] : response.headers) {
    if (!http::EqualIgnoringCase(name, "Retry-After")) continue;
    std::from_chars(value.data(), value.data() + value.size(), seconds);
  }
  return std::clamp<milliseconds>(std::chrono::seconds(seconds), kShortestRetryAfter, kLongestRetryAfter);
}

// What all senders share.
struct Run {
  Run(const PostOptions& post_options, const Clock& wall_clock, std::uint64_t events)
      : options(post_options), clock(wall_clock), check(events, post_options.sent_before) {}

  void Fault(std::string fault) {
    const std::lock_guard lock(mutex);
    if (faults.size() < kMaxFaults) faults.push_back(std::move(fault));
  }

  // A service that never answered, or no longer does, is given up.
  [[nodiscard]] bool GivenUp() const {
    return unanswered >= kMaxUnanswered || (unanswered > 0 && answered == 0);
  }

  const PostOptions& options;
  const Clock& clock;
  AnswerCheck check;
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> unanswered{0};
  std::mutex mutex;
  std::vector<std::string> faults;
};

// One connection and its counts.
class Sender {
 public:
  explicit Sender(Run& run) : run_(run), client_(run.options.base_url) {}

  void Send(const Delivery& delivery) {
    std::string why;
    for (int tries = 1; tries <= kMaxTries; ++tries) {
      const std::optional<http::Response> response = TryOnce(delivery);
      if (response && response->status != 503) return Conclude(delivery, *response);
      if (!response) ++tries_without_answer_;
      why = response ? "503 " + response->body.substr(0, 200) : client_.error();
      if (tries == kMaxTries) break;
      ++tried_again_;
      const milliseconds pause = std::min(run_.options.first_pause * (1 << (tries - 1)), kLongestPause);
      std::this_thread::sleep_for(response ? RetryAfter(*response) : pause);
    }
    ++run_.unanswered;
    run_.Fault(delivery.event->id + ": given up after " + std::to_string(kMaxTries) + " tries: " + why);
  }

  void AddTo(PostSummary& summary, std::vector<std::uint32_t>& latencies_us) const {
    for (const auto& [status, count] : status_codes_) summary.status_codes[status] += count;
    summary.recorded += recorded_;
    summary.duplicates += duplicates_;
    summary.wrong += wrong_;
    summary.tries_without_answer += tries_without_answer_;
    summary.tried_again += tried_again_;
    latencies_us.insert(latencies_us.end(), latencies_us_.begin(), latencies_us_.end());
  }

 private:
  std::optional<http::Response> TryOnce(const Delivery& delivery) {
    const std::string& body = delivery.event->body;
    run_.check.Sending(delivery.number);
    const SteadyTime begin = std::chrono::steady_clock::now();
    const std::string signature =
        stripe::SignatureHeader(run_.options.secret, run_.clock() / kMicrosPerSecond, body);
    std::optional<http::Response> response =
        client_.Send("POST", run_.options.path, {{"Stripe-Signature", signature}}, body,
                     "application/json; charset=utf-8");
    if (response) {
      latencies_us_.push_back(static_cast<std::uint32_t>(std::min(SecondsSince(begin) * 1e6, 4e9)));
      ++status_codes_[response->status];
    }
    return response;
  }

  void Conclude(const Delivery& delivery, const http::Response& response) {
    Judgement judgement;
    if (response.status == 200) {
      judgement = run_.check.Judge(delivery.number, delivery.event->id, response.body);
    } else {
      judgement.fault =
          delivery.event->id + ": " + std::to_string(response.status) + " " + response.body.substr(0, 200);
    }
    switch (judgement.verdict) {
      case Verdict::kRecorded:
        ++recorded_;
        break;
      case Verdict::kDuplicate:
        ++duplicates_;
        break;
      case Verdict::kWrong:
        ++wrong_;
        run_.Fault(std::move(judgement.fault));
        break;
    }
    ++run_.answered;
  }

  Run& run_;
  http::Client client_;
  std::map<int, std::uint64_t> status_codes_;
  std::uint64_t recorded_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t tries_without_answer_ = 0;
  std::uint64_t tried_again_ = 0;
  std::vector<std::uint32_t> latencies_us_;
};

// Sends one part over all connections and waits until it is done.
void PostPart(const std::vector<Delivery>& part, Run& run, std::vector<std::unique_ptr<Sender>>& senders,
              const Progress& progress) {
  const SteadyTime begin = std::chrono::steady_clock::now();
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable one_ended;
  std::size_t ended = 0;
  const auto work = [&](Sender& sender) {
    for (std::size_t i = next++; i < part.size() && !run.GivenUp(); i = next++) {
      if (run.options.rate > 0) {
        const std::chrono::duration<double> due(static_cast<double>(i) / run.options.rate);
        std::this_thread::sleep_until(begin + std::chrono::duration_cast<std::chrono::nanoseconds>(due));
      }
      sender.Send(part[i]);
    }
    const std::lock_guard lock(mutex);
    ++ended;
    one_ended.notify_one();
  };
  std::vector<std::thread> threads;
  threads.reserve(senders.size());
  for (const auto& sender : senders) threads.emplace_back(work, std::ref(*sender));
  std::unique_lock lock(mutex);
  while (!one_ended.wait_for(lock, kProgressEvery, [&] { return ended == senders.size(); })) {
    lock.unlock();
    progress(run.answered + run.unanswered);
    lock.lock();
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
}

// The smallest latency that `percent` of them do not exceed (nearest rank).
double PercentileMs(std::vector<std::uint32_t>& latencies_us, std::size_t percent) {
  if (latencies_us.empty()) return 0;
  const std::size_t rank = (latencies_us.size() * percent + 99) / 100;
  const auto place = latencies_us.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(latencies_us.begin(), place, latencies_us.end());
  return *place / 1e3;
}

}  // namespace

PostSummary Post(Deliveries& deliveries, const PostOptions& options, const Progress& progress,
                 const Clock& clock) {
  PostSummary summary;
  summary.events = deliveries.events();
  summary.deliveries = deliveries.size();
  Run run(options, clock, deliveries.events());
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < options.connections; ++i) senders.push_back(std::make_unique<Sender>(run));

  while (!run.GivenUp()) {
    const SteadyTime generating = std::chrono::steady_clock::now();
    const std::vector<Delivery>& part = deliveries.Next();
    summary.generating_s += SecondsSince(generating);
    if (part.empty()) break;
    const SteadyTime posting = std::chrono::steady_clock::now();
    PostPart(part, run, senders, progress);
    summary.posting_s += SecondsSince(posting);
  }
  progress(run.answered + run.unanswered);

  std::vector<std::uint32_t> latencies_us;
  for (const auto& sender : senders) sender->AddTo(summary, latencies_us);
  summary.unanswered = summary.deliveries - run.answered;
  if (std::optional<std::string> fault = run.check.Conclude()) {
    ++summary.wrong;
    run.Fault(std::move(*fault));
  }
  summary.faults = std::move(run.faults);
  summary.p50_ms = PercentileMs(latencies_us, 50);
  summary.p99_ms = PercentileMs(latencies_us, 99);
  summary.max_ms = PercentileMs(latencies_us, 100);
  return summary;
}

}  // namespace billhook::simulate
