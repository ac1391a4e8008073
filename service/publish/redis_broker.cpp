// Redis Streams: an event is the entry POSITION-0 of the stream, so that none can be there twice. A batch is
// one MULTI: all of it or nothing, for Redis would refuse an entry that was left out once a later one is in.
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include "service/publish/broker.h"

namespace billhook::publish {
namespace {

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

std::string_view TextOf(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len);
}

// What follows `name` in a list of names and values.
std::optional<std::string_view> ValueOf(const redisReply& pairs, std::string_view name) {
  for (std::size_t i = 0; i + 1 < pairs.elements; i += 2) {
    if (TextOf(*pairs.element[i]) == name) return TextOf(*pairs.element[i + 1]);
  }
  return std::nullopt;
}

class RedisBroker : public Broker {
 public:
  explicit RedisBroker(const Destination& destination) : stream_(destination.name) {
    const timeval patience{kPatience.count(), 0};
    context_.reset(redisConnectWithTimeout(destination.host.c_str(), destination.port, patience));
    if (context_ == nullptr || context_->err != 0) throw BrokerError("Redis: " + Fault());
    redisSetTimeout(context_.get(), patience);
    if (destination.password.empty()) return;
    const Reply answer = destination.user.empty() ? Ask({"AUTH", destination.password})
                                                  : Ask({"AUTH", destination.user, destination.password});
    if (answer == nullptr) throw BrokerError("Redis: " + Fault());
    if (answer->type == REDIS_REPLY_ERROR) throw BrokerError("Redis: " + std::string(TextOf(*answer)));
  }

  Delivery Send(const std::vector<Message>& messages) override {
    Append({"MULTI"});
    for (const Message& message : messages) {
      const Event& event = message.recorded.event;
      Append({"XADD", stream_, IdOf(message), "id", event.id, "tenant", event.tenant, "event_type",
              event.event_type, "aggregate_type", event.aggregate_type, "aggregate_id", event.aggregate_id,
              "event", message.document});
    }
    Append({"EXEC"});
    // The first refusal tells more than EXEC's, which only says that there was one.
    std::string refusal;
    Reply last;
    for (std::size_t i = 0; i < messages.size() + 2; ++i) {
      last = Take();
      if (last == nullptr) return {0, "Redis: " + Fault()};
      if (last->type == REDIS_REPLY_ERROR && refusal.empty()) refusal = TextOf(*last);
    }
    if (!refusal.empty()) return {0, "Redis: " + refusal};
    if (last->type != REDIS_REPLY_ARRAY || last->elements != messages.size())
      return {0, "Redis: no answer that EXEC gives"};
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const redisReply& answer = *last->element[i];
      if (answer.type != REDIS_REPLY_ERROR) continue;
      const bool too_late = TextOf(answer).find("equal or smaller") != std::string_view::npos;
      const std::string fault =
          too_late ? WhyNotThere(messages[i], messages.front()) : "Redis: " + std::string(TextOf(answer));
      if (!fault.empty()) return {i, fault};
    }
    return {messages.size(), ""};
  }

 private:
  static std::string IdOf(const Message& message) { return std::to_string(message.recorded.position) + "-0"; }

  // Redis takes no entry before its last: it holds this event, or held it until it was trimmed. Anything else
  // is another log's stream, or one of a later time than this database.
  std::string WhyNotThere(const Message& message, const Message& first) {
    const std::string id = IdOf(message);
    const std::string other = "Redis: the stream " + stream_ +
                              " holds what this log does not, at or behind " + id +
                              ": give this log a stream of its own";
    const Reply found = Ask({"XRANGE", stream_, id, id});
    if (found == nullptr) return "Redis: " + Fault();
    if (found->type == REDIS_REPLY_ARRAY && found->elements == 1 && found->element[0]->elements == 2) {
      const std::optional<std::string_view> held = ValueOf(*found->element[0]->element[1], "id");
      return held == message.recorded.event.id ? "" : other;
    }
    const Reply stream = Ask({"XINFO", "STREAM", stream_});
    if (stream == nullptr) return "Redis: " + Fault();
    const std::string_view last = ValueOf(*stream, "last-generated-id").value_or("");
    std::int64_t position = 0;
    const auto parsed = std::from_chars(last.data(), last.data() + last.size(), position);
    // Nobody has sent more than a batch beyond the checkpoint.
    const std::int64_t most = first.recorded.position - 1 + static_cast<std::int64_t>(kMostMessages);
    const bool ours = std::string_view(parsed.ptr, last.data() + last.size()) == "-0" && position <= most;
    return ours ? "" : other;
  }

  void Append(const std::vector<std::string_view>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
  }

  // nullptr where the connection is no more.
  Reply Take() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) return nullptr;
    return Reply(static_cast<redisReply*>(reply));
  }

  Reply Ask(const std::vector<std::string_view>& words) {
    Append(words);
    return Take();
  }

  [[nodiscard]] std::string Fault() const {
    if (context_ == nullptr || context_->err == 0) return "no connection";
    return errno == EAGAIN ? "no answer in time" : context_->errstr;
  }

  const std::string stream_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace

std::unique_ptr<Broker> OpenRedis(const Destination& destination) {
  return std::make_unique<RedisBroker>(destination);
}

}  // namespace billhook::publish
