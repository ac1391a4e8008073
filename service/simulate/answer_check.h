// Judges what a billhook answers to webhooks, event by event and over the whole run: the right event ID, each
// event recorded at most once, `duplicate` only for what was sent before, one position an event and one event
// a position. Thread safe; Conclude() is called when the senders are done.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace billhook::simulate {

enum class Verdict { kRecorded, kDuplicate, kWrong };

struct Judgement {
  Verdict verdict = Verdict::kWrong;
  std::string fault;  // what is wrong
};

class AnswerCheck {
 public:
  // `sent_before`: the whole history was sent in an earlier run, so that any answer may be `duplicate`.
  AnswerCheck(std::uint64_t events, bool sent_before);

  // To be called before each try to send that event.
  void Sending(std::uint32_t number);

  // Judges a 200 answer's body.
  Judgement Judge(std::uint32_t number, const std::string& event_id, const std::string& body);

  // The fault of two events that were given one position, if there is such a pair.
  [[nodiscard]] std::optional<std::string> Conclude() const;

 private:
  struct Track {
    std::atomic<std::int64_t> position{0};
    std::atomic<std::uint32_t> tries{0};
    std::atomic<bool> recorded{false};
  };

  const std::uint64_t events_;
  const bool sent_before_;
  std::unique_ptr<Track[]> tracks_;
};

}  // namespace billhook::simulate
