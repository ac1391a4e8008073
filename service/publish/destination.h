// Where the log is published to, as PUBLISH_URL says it. A value; never shown whole, for it holds a password.
#pragma once

#include <string>

#include "domain/result.h"

namespace billhook::publish {

struct Destination {
  enum class Kind { kRedis, kAmqp, kKafka };
  Kind kind = Kind::kRedis;
  std::string host;  // Kafka: host:port[,host:port ...]
  int port = 0;      // Kafka: within `host`
  std::string user;
  std::string password;
  std::string vhost;  // AMQP
  std::string name;   // of the stream, the exchange or the topic

  // "redis/stream", "amqp/vhost/exchange" or "kafka/topic": what people see, and under which the log's
  // checkpoint stands. Without the host, so that a broker that moves is gone on with.
  [[nodiscard]] std::string Label() const;
};

// redis://[[user]:password@]host[:6379]/stream, amqp://user:password@host[:5672]/vhost?exchange=name (an
// empty vhost is "/") or kafka://host:port[,host:port]/topic. The parts but Kafka's are percent-encoded. The
// error says what is wrong behind the variable's name, and repeats nothing of the URL.
Result<Destination, std::string> ReadDestination(const std::string& url);

}  // namespace billhook::publish
