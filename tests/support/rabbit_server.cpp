#include <fstream>
#include <stdexcept>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <unistd.h>

#include "tests/support/brokers.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQueue = "consumer";
constexpr const char* kEpmd = "/usr/bin/epmd";

using Connection = std::unique_ptr<amqp_connection_state_t_, decltype(&amqp_destroy_connection)>;

Connection Connect(int port) {
  const timeval patience{5, 0};
  Connection connection(amqp_new_connection(), &amqp_destroy_connection);
  amqp_socket_t* socket = amqp_tcp_socket_new(connection.get());
  if (amqp_socket_open_noblock(socket, "127.0.0.1", port, &patience) != AMQP_STATUS_OK)
    return {nullptr, &amqp_destroy_connection};
  amqp_set_handshake_timeout(connection.get(), &patience);
  amqp_set_rpc_timeout(connection.get(), &patience);
  const amqp_rpc_reply_t login =
      amqp_login(connection.get(), "/", 0, 131'072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
  if (login.reply_type != AMQP_RESPONSE_NORMAL) return {nullptr, &amqp_destroy_connection};
  amqp_channel_open(connection.get(), 1);
  if (amqp_get_rpc_reply(connection.get()).reply_type != AMQP_RESPONSE_NORMAL)
    return {nullptr, &amqp_destroy_connection};
  return connection;
}

std::int64_t PositionIn(const amqp_basic_properties_t& properties) {
  for (int i = 0; i < properties.headers.num_entries; ++i) {
    const amqp_table_entry_t& entry = properties.headers.entries[i];
    if (std::string(static_cast<const char*>(entry.key.bytes), entry.key.len) == "position")
      return entry.value.value.i64;
  }
  return 0;
}

}  // namespace

RabbitServer::RabbitServer() : port_(FreePort()), epmd_port_(FreePort()) {
  std::string name = fs::temp_directory_path() / "billhook-rabbit.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  fs::create_directory(directory_ / "home");
  std::ofstream(directory_ / "plugins") << "[].\n";
  // Its registry of Erlang nodes, its cookie and its files are its own too.
  environment_ = {{"HOME", directory_ / "home"},
                  {"ERL_EPMD_PORT", std::to_string(epmd_port_)},
                  {"ERL_EPMD_ADDRESS", "127.0.0.1"},
                  {"RABBITMQ_NODENAME", "billhook" + std::to_string(port_) + "@localhost"},
                  {"RABBITMQ_NODE_PORT", std::to_string(port_)},
                  {"RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"},
                  {"RABBITMQ_DIST_PORT", std::to_string(FreePort())},
                  {"RABBITMQ_MNESIA_BASE", directory_ / "mnesia"},
                  {"RABBITMQ_LOGS", "-"},
                  {"RABBITMQ_LOG_BASE", directory_},
                  {"RABBITMQ_CONFIG_FILE", directory_ / "none"},
                  {"RABBITMQ_ENABLED_PLUGINS_FILE", directory_ / "plugins"},
                  {"RABBITMQ_ALLOW_INPUT", "1"},  // so that the script becomes the server
                  {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-noinput +sbwt none"}};
  Start();
  Declare();
}

RabbitServer::~RabbitServer() {
  process_.reset();
  RunProgram({kEpmd, "-port", std::to_string(epmd_port_), "-kill"}, environment_);
  fs::remove_all(directory_);
}

void RabbitServer::Start() {
  process_ = std::make_unique<ChildProcess>(std::vector<std::string>{kProgram}, environment_);
  if (!Await([this] { return Connect(port_) != nullptr; }, std::chrono::seconds(120)))
    throw std::runtime_error("rabbitmq-server does not answer: " + process_->Log());
}

void RabbitServer::Declare() const {
  const Connection connection = Connect(port_);
  const amqp_bytes_t exchange = amqp_cstring_bytes(kExchange);
  const amqp_bytes_t queue = amqp_cstring_bytes(kQueue);
  amqp_exchange_declare(connection.get(), 1, exchange, amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                        amqp_empty_table);
  amqp_queue_declare(connection.get(), 1, queue, 0, 1, 0, 0, amqp_empty_table);
  amqp_queue_bind(connection.get(), 1, queue, exchange, amqp_cstring_bytes("#"), amqp_empty_table);
  if (amqp_get_rpc_reply(connection.get()).reply_type != AMQP_RESPONSE_NORMAL)
    throw std::runtime_error("RabbitMQ declares no queue");
}

std::string RabbitServer::url() const {
  return "amqp://guest:guest@127.0.0.1:" + std::to_string(port_) + "/?exchange=" + kExchange;
}

std::vector<Consumed> RabbitServer::Drain() const {
  std::vector<Consumed> all;
  const Connection connection = Connect(port_);
  if (connection == nullptr) return all;
  while (true) {
    const amqp_rpc_reply_t got = amqp_basic_get(connection.get(), 1, amqp_cstring_bytes(kQueue), 1);
    if (got.reply_type != AMQP_RESPONSE_NORMAL || got.reply.id != AMQP_BASIC_GET_OK_METHOD) return all;
    amqp_message_t message;
    if (amqp_read_message(connection.get(), 1, &message, 0).reply_type != AMQP_RESPONSE_NORMAL) return all;
    all.push_back({PositionIn(message.properties),
                   std::string(static_cast<const char*>(message.body.bytes), message.body.len)});
    amqp_destroy_message(&message);
    amqp_maybe_release_buffers(connection.get());
  }
}

}  // namespace billhook::test
