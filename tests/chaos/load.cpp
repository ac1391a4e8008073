#include "tests/chaos/load.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "service/simulate/history.h"
#include "tests/support/child_process.h"
#include "tests/support/lives.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

constexpr std::size_t kTwicePerCent = 5;
constexpr std::chrono::milliseconds kPauseAfterRefusal{20};  // Stripe waits for minutes
constexpr std::chrono::seconds kRequestTimeout{30};
constexpr std::chrono::minutes kPatience{5};

}  // namespace

std::size_t Rounds(std::size_t otherwise) {
  const char* const rounds = std::getenv("BILLHOOK_CHAOS_ROUNDS");
  return rounds == nullptr ? otherwise : std::stoul(rounds);
}

Load::Load(std::vector<std::string> addresses, Options options)
    : seed_(SeedFromEnvironment().value_or(std::random_device()())), options_(std::move(options)) {
  std::cout << "seed " << seed_ << std::endl;
  bodies_ = simulate::GenerateHistory({.seed = seed_, .events = options_.events}, &truth_);
  deliveries_.resize(bodies_.size());
  order_.resize(bodies_.size() * (100 + kTwicePerCent) / 100);
  for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i % bodies_.size();
  std::mt19937_64 dice(seed_);
  std::shuffle(order_.begin(), order_.end(), dice);
  for (std::size_t i = 0; i < options_.posters; ++i)
    posters_.emplace_back([this, address = addresses[i % addresses.size()]] { Post(address); });
}

Load::~Load() {
  stopping_ = true;
  for (std::thread& poster : posters_) poster.join();
}

void Load::Post(const std::string& address) {
  http::Client client(address, kRequestTimeout);
  for (std::size_t i = next_++; i < order_.size(); i = next_++) {
    while (!stopping_) {
      const std::optional<http::Response> response = PostEvent(client, bodies_[order_[i]]);
      if (Note(order_[i], response ? response->status : 0, response ? response->body : "")) break;
      std::this_thread::sleep_for(kPauseAfterRefusal);
    }
  }
}

bool Load::Note(std::size_t event, int status, const std::string& body) {
  const std::lock_guard lock(mutex_);
  Delivery& delivery = deliveries_[event];
  if (status != 200) {
    EXPECT_TRUE(status == 0 || options_.refusals.count(status) == 1) << status << ": " << body;
    ++refused_;
    delivery.refused = true;
    return false;
  }
  const nlohmann::json answer = nlohmann::json::parse(body);
  const bool first = !answer.at("duplicate").get<bool>();
  const std::int64_t position = answer.at("position");
  const auto [known, is_new] = acknowledged_.emplace(answer.at("event_id"), position);
  if (known->second != position || (first && delivery.first)) ++contradictions_;
  if (is_new && !first && delivery.refused) ++recorded_though_refused_;
  delivery.answered = true;
  delivery.first |= first;
  answers_.push_back(Clock::now());  // under the lock, so in order
  return true;
}

void Load::Await(const std::function<bool()>& there) {
  const auto locked = [&] {
    const std::lock_guard lock(mutex_);
    return there();
  };
  EXPECT_TRUE(test::Await(locked, kPatience)) << "the load is stuck: " << acknowledged_.size() << " of "
                                              << bodies_.size() << " events are acknowledged";
}

void Load::AwaitProgress(std::size_t more) {
  std::size_t wanted = 0;
  {
    const std::lock_guard lock(mutex_);
    wanted = std::min(acknowledged_.size() + more, bodies_.size());
  }
  Await([&] { return acknowledged_.size() >= wanted; });
}

void Load::AwaitRefusals(std::size_t more) {
  const std::size_t wanted = refused() + more;
  Await([&] { return refused_ >= wanted; });
}

bool Load::Finish() {
  Await([&] { return acknowledged_.size() == bodies_.size() && next_ >= order_.size(); });
  if (acknowledged_.size() != bodies_.size()) stopping_ = true;
  for (std::thread& poster : posters_) poster.join();
  posters_.clear();
  return acknowledged_.size() == bodies_.size();
}

std::size_t Load::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::chrono::milliseconds Load::LongestSilence(Clock::time_point since) const {
  const std::lock_guard lock(mutex_);
  Clock::duration longest{0};
  Clock::time_point last = since;
  for (const Clock::time_point answer : answers_) {
    if (answer < since) continue;
    longest = std::max(longest, answer - last);
    last = answer;
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(longest);
}

std::chrono::milliseconds Load::TimeToNextAnswer(Clock::time_point since) const {
  const std::lock_guard lock(mutex_);
  const auto next = std::lower_bound(answers_.begin(), answers_.end(), since);
  EXPECT_NE(next, answers_.end());
  return std::chrono::duration_cast<std::chrono::milliseconds>(*next - since);
}

}  // namespace billhook::test
