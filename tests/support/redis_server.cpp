#include <stdexcept>

#include <hiredis/hiredis.h>
#include <unistd.h>

#include "tests/support/brokers.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPassword = "p@ss:word";

using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;
using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;

Reply Ask(redisContext* context, const std::vector<std::string>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  auto* reply = static_cast<redisReply*>(
      redisCommandArgv(context, static_cast<int>(words.size()), texts.data(), sizes.data()));
  return {reply, &freeReplyObject};
}

Context Connect(int port) {
  Context context(redisConnect("127.0.0.1", port), &redisFree);
  if (context == nullptr || context->err != 0) return {nullptr, &redisFree};
  Ask(context.get(), {"AUTH", kPassword});
  return context;
}

// From a list of entries, each an ID and its fields.
std::vector<Consumed> EntriesOf(const redisReply& list) {
  std::vector<Consumed> entries;
  for (std::size_t i = 0; i < list.elements; ++i) {
    const redisReply& entry = *list.element[i];
    Consumed& consumed = entries.emplace_back();
    consumed.position = std::stoll(entry.element[0]->str);
    const redisReply& fields = *entry.element[1];
    for (std::size_t j = 0; j + 1 < fields.elements; j += 2) {
      if (std::string(fields.element[j]->str) == "event")
        consumed.document.assign(fields.element[j + 1]->str, fields.element[j + 1]->len);
    }
  }
  return entries;
}

}  // namespace

RedisServer::RedisServer() : port_(FreePort()) {
  std::string name = fs::temp_directory_path() / "billhook-redis.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  Start();
}

RedisServer::~RedisServer() {
  process_.reset();
  fs::remove_all(directory_);
}

void RedisServer::Start() {
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{kProgram, "--port", std::to_string(port_), "--bind", "127.0.0.1", "--dir",
                               directory_, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                               "--requirepass", kPassword, "--logfile", ""},
      ProcessEnvironment());
  const auto answers = [this] {
    const Context context = Connect(port_);
    if (context == nullptr) return false;
    const Reply reply = Ask(context.get(), {"PING"});
    return reply != nullptr && reply->type == REDIS_REPLY_STATUS;
  };
  if (!Await(answers, std::chrono::seconds(60)))
    throw std::runtime_error("redis-server does not answer: " + process_->Log());
}

std::string RedisServer::url() const {
  return "redis://:p%40ss%3Aword@127.0.0.1:" + std::to_string(port_) + "/billing%20events";
}

std::vector<Consumed> RedisServer::Read() const {
  const Context context = Connect(port_);
  if (context == nullptr) return {};
  const Reply reply = Ask(context.get(), {"XRANGE", kStream, "-", "+"});
  return reply == nullptr ? std::vector<Consumed>() : EntriesOf(*reply);
}

std::vector<Consumed> RedisServer::ReadAsGroup(const std::string& group) const {
  const Context context = Connect(port_);
  if (context == nullptr) return {};
  Ask(context.get(), {"XGROUP", "CREATE", kStream, group, "0"});
  std::vector<Consumed> all;
  for (int turn = 0;; ++turn) {
    const std::string consumer = turn % 2 == 0 ? "one" : "other";
    const Reply reply =
        Ask(context.get(), {"XREADGROUP", "GROUP", group, consumer, "COUNT", "50", "STREAMS", kStream, ">"});
    if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY) return all;
    for (const Consumed& consumed : EntriesOf(*reply->element[0]->element[1])) {
      Ask(context.get(), {"XACK", kStream, group, std::to_string(consumed.position) + "-0"});
      all.push_back(consumed);
    }
  }
}

void RedisServer::Command(const std::vector<std::string>& words) const {
  const Context context = Connect(port_);
  const Reply reply = context == nullptr ? Reply(nullptr, &freeReplyObject) : Ask(context.get(), words);
  if (reply == nullptr || reply->type == REDIS_REPLY_ERROR)
    throw std::runtime_error("Redis refuses " + words.at(0));
}

}  // namespace billhook::test
