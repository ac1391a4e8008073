#include <stdexcept>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/support/brokers.h"

namespace billhook::test {
namespace {

constexpr std::int32_t kBroker = 1;

struct DestroyHandle {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
};
using Handle = std::unique_ptr<rd_kafka_t, DestroyHandle>;

Handle Make(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings) {
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings)
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why);
  Handle handle(rd_kafka_new(type, conf, why, sizeof why));
  if (handle == nullptr) throw std::runtime_error(why);
  return handle;
}

std::int64_t PositionIn(const rd_kafka_message_t* message) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, "position", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return 0;
  return std::stoll(std::string(static_cast<const char*>(value), size));
}

}  // namespace

class KafkaCluster::Handles {
 public:
  Handles()
      : owner(Make(RD_KAFKA_PRODUCER, {{"log_level", "3"}})),
        cluster(rd_kafka_mock_cluster_new(owner.get(), 1)) {
    rd_kafka_mock_topic_create(cluster, kTopic, kPartitions, 1);
  }
  ~Handles() { rd_kafka_mock_cluster_destroy(cluster); }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  Handle owner;
  rd_kafka_mock_cluster_t* cluster;
};

KafkaCluster::KafkaCluster() : handles_(std::make_unique<Handles>()) {}
KafkaCluster::~KafkaCluster() = default;

void KafkaCluster::SetUp(bool up) const {
  if (up) {
    rd_kafka_mock_broker_set_up(handles_->cluster, kBroker);
  } else {
    rd_kafka_mock_broker_set_down(handles_->cluster, kBroker);
  }
}

std::string KafkaCluster::url() const {
  return "kafka://" + std::string(rd_kafka_mock_cluster_bootstraps(handles_->cluster)) + "/" + kTopic;
}

std::vector<std::vector<Consumed>> KafkaCluster::Read() const {
  const Handle consumer =
      Make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(handles_->cluster)},
                               {"group.id", "consumer"},
                               {"enable.partition.eof", "true"},
                               {"check.crcs", "true"}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(kPartitions);
  for (int i = 0; i < kPartitions; ++i)
    rd_kafka_topic_partition_list_add(list, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<std::vector<Consumed>> partitions(kPartitions);
  for (int ended = 0; ended < kPartitions;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer.get(), 20'000);
    if (message == nullptr) throw std::runtime_error("Kafka's imitation tells nothing");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ended;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      partitions[static_cast<std::size_t>(message->partition)].push_back(
          {PositionIn(message), std::string(static_cast<const char*>(message->payload), message->len)});
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer.get());
  return partitions;
}

}  // namespace billhook::test
