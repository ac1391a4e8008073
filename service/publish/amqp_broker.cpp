// RabbitMQ, by AMQP 0-9-1 with publisher confirms: each event is a persistent message to the exchange, its
// event type the routing key. The exchange must be there, so that its queues are bound before it is sent any.
#include <algorithm>
#include <optional>
#include <string_view>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "service/publish/broker.h"

namespace billhook::publish {
namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr int kMaxFrame = 131'072;
constexpr int kNoHeartbeat =
    0;  // nobody would answer it while the log stands still; TCP looks after the peer
constexpr std::uint8_t kPersistent = 2;
constexpr std::size_t kMaxRoutingKey = 255;

// AMQP's texts are not const, but nobody writes to what is sent.
amqp_bytes_t Bytes(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

std::string Text(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

amqp_table_entry_t Header(std::string_view name, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = Bytes(value);
  return entry;
}

// Why the server closes the channel or the connection; empty for any other method.
std::string WhyClosed(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD)
    return Text(static_cast<const amqp_channel_close_t*>(method.decoded)->reply_text);
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD)
    return Text(static_cast<const amqp_connection_close_t*>(method.decoded)->reply_text);
  return "";
}

struct CloseConnection {
  void operator()(amqp_connection_state_t connection) const { amqp_destroy_connection(connection); }
};
using Connection = std::unique_ptr<amqp_connection_state_t_, CloseConnection>;

// Which of a run of messages, whose delivery tags follow each other, the broker has confirmed.
class Confirms {
 public:
  Confirms(std::uint64_t first_tag, std::size_t messages) : first_tag_(first_tag), confirmed_(messages) {}

  void Take(const amqp_basic_ack_t& ack) {
    if (ack.delivery_tag < first_tag_ || ack.delivery_tag >= first_tag_ + confirmed_.size()) return;
    const auto at = static_cast<std::ptrdiff_t>(ack.delivery_tag - first_tag_);
    if (ack.multiple != 0) std::fill(confirmed_.begin(), confirmed_.begin() + at, true);
    confirmed_[static_cast<std::size_t>(at)] = true;
    while (first_ < confirmed_.size() && confirmed_[first_]) ++first_;
  }

  // So many of the first.
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] bool all() const { return first_ == confirmed_.size(); }

 private:
  std::uint64_t first_tag_;
  std::vector<bool> confirmed_;
  std::size_t first_ = 0;
};

class AmqpBroker : public Broker {
 public:
  explicit AmqpBroker(const Destination& destination)
      : exchange_(destination.name), connection_(amqp_new_connection()) {
    const timeval patience{kPatience.count(), 0};
    amqp_socket_t* socket = connection_ == nullptr ? nullptr : amqp_tcp_socket_new(connection_.get());
    if (socket == nullptr) throw BrokerError("RabbitMQ: no connection");
    amqp_set_handshake_timeout(connection_.get(), &patience);
    amqp_set_rpc_timeout(connection_.get(), &patience);
    const int opened =
        amqp_socket_open_noblock(socket, destination.host.c_str(), destination.port, &patience);
    if (opened != AMQP_STATUS_OK) throw BrokerError("RabbitMQ: " + std::string(amqp_error_string2(opened)));
    // A broker that takes nothing more, be it dead or short of memory, ends the connection.
    const unsigned int patience_ms = std::chrono::milliseconds(kPatience).count();
    setsockopt(amqp_get_sockfd(connection_.get()), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms,
               sizeof patience_ms);
    Require(amqp_login(connection_.get(), destination.vhost.c_str(), 1, kMaxFrame, kNoHeartbeat,
                       AMQP_SASL_METHOD_PLAIN, destination.user.c_str(), destination.password.c_str()));
    amqp_channel_open(connection_.get(), kChannel);
    Require(amqp_get_rpc_reply(connection_.get()));
    constexpr amqp_boolean_t kPassive = 1;
    amqp_exchange_declare(connection_.get(), kChannel, Bytes(exchange_), Bytes("topic"), kPassive, 0, 0, 0,
                          amqp_empty_table);
    Require(amqp_get_rpc_reply(connection_.get()));
    amqp_confirm_select(connection_.get(), kChannel);
    Require(amqp_get_rpc_reply(connection_.get()));
  }

  Delivery Send(const std::vector<Message>& messages) override {
    Confirms confirms(last_tag_ + 1, messages.size());
    for (const Message& message : messages) {
      if (const int sent = Publish(message); sent != AMQP_STATUS_OK)
        return {0, "RabbitMQ: " + std::string(amqp_error_string2(sent))};
      ++last_tag_;
    }
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!confirms.all()) {
      if (const std::string fault = TakeAnswer(confirms, deadline); !fault.empty())
        return {confirms.first(), "RabbitMQ: " + fault};
    }
    amqp_maybe_release_buffers(connection_.get());
    return {messages.size(), ""};
  }

 private:
  static void Require(const amqp_rpc_reply_t& reply) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    std::string why;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) why = WhyClosed(reply.reply);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) why = amqp_error_string2(reply.library_error);
    throw BrokerError("RabbitMQ: " + (why.empty() ? "no answer that AMQP gives" : why));
  }

  int Publish(const Message& message) {
    const Event& event = message.recorded.event;
    amqp_table_entry_t headers[] = {{},
                                    Header("tenant", event.tenant),
                                    Header("event_type", event.event_type),
                                    Header("aggregate_type", event.aggregate_type),
                                    Header("aggregate_id", event.aggregate_id)};
    headers[0].key = Bytes("position");
    headers[0].value.kind = AMQP_FIELD_KIND_I64;
    headers[0].value.value.i64 = message.recorded.position;
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                        AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_HEADERS_FLAG;
    properties.content_type = Bytes("application/json");
    properties.delivery_mode = kPersistent;
    properties.message_id = Bytes(event.id);
    properties.headers = {static_cast<int>(std::size(headers)), headers};
    return amqp_basic_publish(connection_.get(), kChannel, Bytes(exchange_),
                              Bytes(std::string_view(event.event_type).substr(0, kMaxRoutingKey)), 0, 0,
                              &properties, Bytes(message.document));
  }

  // What ends the sending; empty: go on.
  std::string TakeAnswer(Confirms& confirms, std::chrono::steady_clock::time_point deadline) {
    using std::chrono::microseconds;
    const auto left = std::chrono::duration_cast<microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return "no confirmation in time";
    const timeval wait{left.count() / 1'000'000, left.count() % 1'000'000};
    amqp_frame_t frame;
    const int taken = amqp_simple_wait_frame_noblock(connection_.get(), &frame, &wait);
    if (taken == AMQP_STATUS_TIMEOUT) return "no confirmation in time";
    if (taken != AMQP_STATUS_OK) return amqp_error_string2(taken);
    if (frame.frame_type != AMQP_FRAME_METHOD) return "";
    const amqp_method_t& method = frame.payload.method;
    if (method.id == AMQP_BASIC_ACK_METHOD)
      confirms.Take(*static_cast<const amqp_basic_ack_t*>(method.decoded));
    if (method.id == AMQP_BASIC_NACK_METHOD) return "a message was refused (nack)";
    return WhyClosed(method);
  }

  const std::string exchange_;
  Connection connection_;
  std::uint64_t last_tag_ = 0;  // the broker counts what a channel is sent, from 1 on
};

}  // namespace

std::unique_ptr<Broker> OpenAmqp(const Destination& destination) {
  return std::make_unique<AmqpBroker>(destination);
}

}  // namespace billhook::publish
