// Kafka, by an idempotent producer: an event counts once all in-sync replicas have it (acks=all). Its key is
// the aggregate's ID, so that an aggregate's events lie in one partition in their order.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "service/publish/broker.h"

namespace billhook::publish {
namespace {

// What became of a batch: the delivery reports' part of it.
struct Reports {
  std::vector<bool> delivered;
  std::size_t open = 0;
  std::string fault;  // the first
};

struct DestroyConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
struct DestroyProducer {
  void operator()(rd_kafka_t* producer) const {
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(producer);
  }
};
struct DestroyError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};

// librdkafka writes to none of these, though its union is not of const pointers.
rd_kafka_vu_t Part(rd_kafka_vtype_t type, std::string_view bytes) {
  rd_kafka_vu_t part{};
  part.vtype = type;
  part.u.mem.ptr = const_cast<char*>(bytes.data());
  part.u.mem.size = bytes.size();
  return part;
}

rd_kafka_vu_t Header(const char* name, std::string_view value) {
  rd_kafka_vu_t part{};
  part.vtype = RD_KAFKA_VTYPE_HEADER;
  part.u.header.name = name;
  part.u.header.val = value.data();
  part.u.header.size = static_cast<ssize_t>(value.size());
  return part;
}

class KafkaBroker : public Broker {
 public:
  explicit KafkaBroker(const Destination& destination) : topic_(destination.name) {
    const std::string patience_ms = std::to_string(std::chrono::milliseconds(kPatience).count());
    const std::pair<const char*, std::string> settings[] = {{"bootstrap.servers", destination.host},
                                                            {"client.id", "billhook"},
                                                            {"enable.idempotence", "true"},
                                                            {"enable.gapless.guarantee", "true"},
                                                            {"acks", "all"},
                                                            {"message.timeout.ms", patience_ms},
                                                            {"linger.ms", "0"},
                                                            // The topic's own bound counts.
                                                            {"message.max.bytes", "1000000000"},
                                                            // Where Java's producer would put the key, too.
                                                            {"partitioner", "murmur2_random"}};
    char why[512];
    std::unique_ptr<rd_kafka_conf_t, DestroyConf> conf(rd_kafka_conf_new());
    for (const auto& [name, value] : settings) {
      if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
        throw BrokerError("Kafka: " + std::string(why));
    }
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &KafkaBroker::OnReport);
    rd_kafka_conf_set_error_cb(conf.get(), &KafkaBroker::OnError);
    rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
    producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why));
    if (producer_ == nullptr) throw BrokerError("Kafka: " + std::string(why));
    static_cast<void>(conf.release());  // it is the producer's now
  }

  Delivery Send(const std::vector<Message>& messages) override {
    reports_ = {std::vector<bool>(messages.size()), 0, ""};
    for (std::size_t i = 0; i < messages.size() && reports_.fault.empty(); ++i) {
      reports_.fault = Produce(messages[i], i);
      if (reports_.fault.empty()) ++reports_.open;
    }
    // Each report comes within message.timeout.ms.
    const auto deadline = std::chrono::steady_clock::now() + 2 * kPatience;
    while (reports_.open > 0 && std::chrono::steady_clock::now() < deadline)
      rd_kafka_poll(producer_.get(), 100);
    const auto first = std::find(reports_.delivered.begin(), reports_.delivered.end(), false);
    Delivery delivery;
    delivery.confirmed = static_cast<std::size_t>(first - reports_.delivered.begin());
    if (delivery.confirmed < messages.size())
      delivery.fault = "Kafka: " + (reports_.fault.empty() ? "no confirmation in time" : reports_.fault) +
                       (last_error_.empty() ? "" : "; " + last_error_);
    last_error_.clear();
    return delivery;
  }

 private:
  static void OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* broker) {
    Reports& reports = static_cast<KafkaBroker*>(broker)->reports_;
    --reports.open;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      reports.delivered[reinterpret_cast<std::size_t>(message->_private)] = true;
    } else if (reports.fault.empty()) {
      reports.fault = rd_kafka_err2str(message->err);
    }
  }

  // Why no host can be reached, say; it may pass.
  static void OnError(rd_kafka_t*, int, const char* reason, void* broker) {
    static_cast<KafkaBroker*>(broker)->last_error_ = reason;
  }

  // What went wrong; empty: it is under way.
  std::string Produce(const Message& message, std::size_t index) {
    const Event& event = message.recorded.event;
    const std::string position = std::to_string(message.recorded.position);
    rd_kafka_vu_t topic{};
    topic.vtype = RD_KAFKA_VTYPE_TOPIC;
    topic.u.cstr = topic_.c_str();
    rd_kafka_vu_t flags{};
    flags.vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    flags.u.i = RD_KAFKA_MSG_F_COPY;
    rd_kafka_vu_t number{};
    number.vtype = RD_KAFKA_VTYPE_OPAQUE;
    number.u.ptr = reinterpret_cast<void*>(index);
    const std::array parts = {topic,
                              flags,
                              number,
                              Part(RD_KAFKA_VTYPE_KEY, event.aggregate_id),
                              Part(RD_KAFKA_VTYPE_VALUE, message.document),
                              Header("id", event.id),
                              Header("position", position),
                              Header("tenant", event.tenant),
                              Header("event_type", event.event_type),
                              Header("aggregate_type", event.aggregate_type),
                              Header("aggregate_id", event.aggregate_id)};
    const std::unique_ptr<rd_kafka_error_t, DestroyError> error(
        rd_kafka_produceva(producer_.get(), parts.data(), parts.size()));
    return error == nullptr ? "" : rd_kafka_error_string(error.get());
  }

  const std::string topic_;
  Reports reports_;
  std::string last_error_;
  std::unique_ptr<rd_kafka_t, DestroyProducer> producer_;  // last: it ends before what its callbacks use
};

}  // namespace

std::unique_ptr<Broker> OpenKafka(const Destination& destination) {
  return std::make_unique<KafkaBroker>(destination);
}

}  // namespace billhook::publish
