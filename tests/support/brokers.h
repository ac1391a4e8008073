// Message brokers of one's own on 127.0.0.1, each with what a consumer reads from it. They end with the
// object.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace billhook::test {

// What a consumer got: the event's document, and its position as the broker tells it.
struct Consumed {
  std::int64_t position = 0;
  std::string document;
};

class RedisServer {
 public:
  static constexpr const char* kProgram = "/usr/bin/redis-server";
  static constexpr const char* kStream = "billing events";

  // Listening; throws std::runtime_error with its log if it does not.
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void Kill() { process_.reset(); }
  void Start();
  // A stopped process answers nobody.
  void Signal(int signal) const { process_->Signal(signal); }

  [[nodiscard]] std::string url() const;
  // The whole stream.
  [[nodiscard]] std::vector<Consumed> Read() const;
  // What the group has not handed out yet, in batches, each acknowledged; makes the group.
  [[nodiscard]] std::vector<Consumed> ReadAsGroup(const std::string& group) const;
  void Command(const std::vector<std::string>& words) const;

 private:
  std::filesystem::path directory_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

class RabbitServer {
 public:
  static constexpr const char* kProgram = "/usr/lib/rabbitmq/bin/rabbitmq-server";
  static constexpr const char* kExchange = "billing";

  // Listening, with the exchange and one durable queue that gets all.
  RabbitServer();
  ~RabbitServer();
  RabbitServer(const RabbitServer&) = delete;
  RabbitServer& operator=(const RabbitServer&) = delete;

  void Kill() { process_.reset(); }
  void Start();

  [[nodiscard]] std::string url() const;
  // All that the queue holds, taken out of it.
  [[nodiscard]] std::vector<Consumed> Drain() const;

 private:
  void Declare() const;

  std::filesystem::path directory_;
  int port_ = 0;
  int epmd_port_ = 0;
  ProcessEnvironment environment_;
  std::unique_ptr<ChildProcess> process_;
};

// librdkafka's own imitation of a cluster, of one broker, in this process.
class KafkaCluster {
 public:
  static constexpr const char* kTopic = "billing";
  static constexpr int kPartitions = 3;

  KafkaCluster();
  ~KafkaCluster();
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;

  void SetUp(bool up) const;
  [[nodiscard]] std::string url() const;
  // All messages of each partition, in their order.
  [[nodiscard]] std::vector<std::vector<Consumed>> Read() const;

 private:
  class Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace billhook::test
