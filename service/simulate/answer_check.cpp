#include "service/simulate/answer_check.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace billhook::simulate {

AnswerCheck::AnswerCheck(std::uint64_t events, bool sent_before)
    : events_(events), sent_before_(sent_before), tracks_(std::make_unique<Track[]>(events)) {}

void AnswerCheck::Sending(std::uint32_t number) {
  ++tracks_[number].tries;
}

Judgement AnswerCheck::Judge(std::uint32_t number, const std::string& event_id, const std::string& body) {
  const nlohmann::json answer = nlohmann::json::parse(body, nullptr, false);
  const auto wrong = [&](const std::string& fault) {
    return Judgement{Verdict::kWrong, event_id + ": " + fault + ": " + body.substr(0, 200)};
  };
  if (!answer.is_object()) return wrong("the answer is no JSON object");
  const auto has = [&](const char* key, auto is) { return answer.contains(key) && (answer[key].*is)(); };
  using nlohmann::json;
  if (!has("received", &json::is_boolean) || !answer["received"]) return wrong("`received` is not true");
  if (!has("event_id", &json::is_string) || answer["event_id"] != event_id)
    return wrong("`event_id` is another");
  if (!has("duplicate", &json::is_boolean)) return wrong("`duplicate` is no boolean");
  if (!has("position", &json::is_number_integer) || answer["position"] < 1)
    return wrong("`position` is not 1 or more");

  Track& track = tracks_[number];
  const bool duplicate = answer["duplicate"];
  const std::int64_t position = answer["position"];
  std::int64_t known = 0;
  if (!track.position.compare_exchange_strong(known, position) && known != position) {
    return wrong("answered with position " + std::to_string(known) + " before");
  }
  if (!duplicate && track.recorded.exchange(true)) return wrong("recorded twice");
  if (duplicate && !sent_before_ && track.tries < 2) {
    return wrong(
        "a duplicate, though it was not sent before (an earlier run with this seed? then say --again)");
  }
  return {duplicate ? Verdict::kDuplicate : Verdict::kRecorded, {}};
}

std::optional<std::string> AnswerCheck::Conclude() const {
  std::vector<std::int64_t> positions;
  positions.reserve(events_);
  for (std::uint64_t i = 0; i < events_; ++i) {
    if (const std::int64_t position = tracks_[i].position; position != 0) positions.push_back(position);
  }
  std::sort(positions.begin(), positions.end());
  const auto shared = std::adjacent_find(positions.begin(), positions.end());
  if (shared == positions.end()) return std::nullopt;
  return "two events were answered with position " + std::to_string(*shared);
}

}  // namespace billhook::simulate
