#include "service/publish/destination.h"

#include <gtest/gtest.h>

namespace billhook::publish {
namespace {

TEST(Destination, IsAStreamOfRedis) {
  const auto read = ReadDestination("redis://:p%40ss@[::1]:6380/billing%20events");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Destination::Kind::kRedis);
  EXPECT_EQ(read->host, "::1");
  EXPECT_EQ(read->port, 6380);
  EXPECT_EQ(read->user, "");
  EXPECT_EQ(read->password, "p@ss");
  EXPECT_EQ(read->Label(), "redis/billing events");
  EXPECT_EQ(ReadDestination("redis://cache/billing")->port, 6379);
  EXPECT_EQ(ReadDestination("redis://shop:secret@cache/billing")->user, "shop");
}

TEST(Destination, IsAnExchangeOfRabbitMq) {
  const auto read = ReadDestination("amqp://shop:secret@mq:5673/prod?exchange=billing");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Destination::Kind::kAmqp);
  EXPECT_EQ(read->host, "mq");
  EXPECT_EQ(read->port, 5673);
  EXPECT_EQ(read->user, "shop");
  EXPECT_EQ(read->password, "secret");
  EXPECT_EQ(read->vhost, "prod");
  EXPECT_EQ(read->Label(), "amqp/prod/billing");
  EXPECT_EQ(ReadDestination("amqp://shop:secret@mq/?exchange=billing")->vhost, "/");
  EXPECT_EQ(ReadDestination("amqp://shop:secret@mq/%2F?exchange=billing")->Label(), "amqp//billing");
}

TEST(Destination, IsATopicOfKafka) {
  const auto read = ReadDestination("kafka://one:9092,two:9093/billing.events");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Destination::Kind::kKafka);
  EXPECT_EQ(read->host, "one:9092,two:9093");
  EXPECT_EQ(read->Label(), "kafka/billing.events");
}

TEST(Destination, IsRefusedWithoutRepeatingIt) {
  for (const char* url : {"hunter2",
                          "nats://:hunter2@mq/x",
                          "redis://:hunter2@mq",
                          "redis://:hunter2@mq/",
                          "redis://:hunter2@/x",
                          "redis://:hunter2@mq:0/x",
                          "redis://:hunter2@mq:70000/x",
                          "redis://:hunter2@mq:port/x",
                          "redis://:hunter2@mq/x/y",
                          "redis://:hunter2@mq/x?y=1",
                          "redis://hunter2@mq/x",
                          "redis://:@mq/x",
                          "redis://:hunter2%zz@mq/x",
                          "redis://:hun/ter2@mq/x",
                          "redis://:hunter2@mq/x y",
                          "redis://:hunter2@[::1/x",
                          "amqp://mq/hunter2?exchange=x",
                          "amqp://u:hunter2@mq/v",
                          "amqp://u:hunter2@mq/v?exchange=",
                          "amqp://u:hunter2@mq/v?exchange=x&y=1",
                          "amqp://u:hunter2@mq/v?queue=x",
                          "kafka://hunter2/x",
                          "kafka://mq:1,/x",
                          "kafka://mq:1/",
                          "kafka://mq:1/hunter2%20",
                          "kafka://mq:1/.."}) {
    const auto read = ReadDestination(url);
    ASSERT_FALSE(read) << url;
    EXPECT_EQ(read.error().find("hunter2"), std::string::npos) << read.error();
    EXPECT_EQ(read.error().rfind("must ", 0), 0U) << read.error();
  }
}

}  // namespace
}  // namespace billhook::publish
