#include "tests/chaos/database_wire.h"

#include <stdexcept>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace billhook::test {
namespace {

constexpr int kTurnMs = 20;  // how late a stop or Heal may be noticed
constexpr std::string_view kLock = "FROM log_head WHERE singleton = 1 FOR UPDATE";
constexpr std::string_view kCommit = "COMMIT";

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

bool SendAll(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Receive(int from) {
  std::string bytes(65'536, '\0');
  const ssize_t received = recv(from, bytes.data(), bytes.size(), 0);
  bytes.resize(received > 0 ? static_cast<std::size_t>(received) : 0);
  return bytes;
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

DatabaseWire::DatabaseWire(int server_port)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), server_port_(server_port) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, length) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &length) != 0)
    throw std::runtime_error("the wire cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

DatabaseWire::~DatabaseWire() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& link : links_) link.join();
  close(listener_);
}

void DatabaseWire::Accept() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kTurnMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(server_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close(client);
      close(server);
      continue;
    }
    SendAtOnce(client);
    SendAtOnce(server);
    links_.emplace_back([this, client, server] { Serve({.client = client, .server = server}); });
  }
}

void DatabaseWire::Serve(Link link) {
  bool open = true;
  while (open && !stopping_) {
    if (link.frozen) {
      open = !healed_;
      poll(nullptr, 0, kTurnMs);
      continue;
    }
    pollfd ends[] = {{link.client, POLLIN, 0}, {link.server, POLLIN, 0}};
    if (poll(ends, 2, kTurnMs) <= 0) continue;
    if (ends[0].revents != 0) open = FromClient(link);
    if (open && ends[1].revents != 0) open = FromServer(link);
  }
  close(link.client);
  close(link.server);
}

bool DatabaseWire::Take(Fault fault) {
  return fault_.compare_exchange_strong(fault, Fault::kNone);
}

bool DatabaseWire::FromClient(Link& link) {
  const std::string bytes = Receive(link.client);
  if (bytes.empty()) return false;
  if (bytes.find(kLock) != std::string::npos) link.appending = true;
  if (link.appending && bytes.find(kCommit) != std::string::npos) {
    link.appending = false;
    if (Take(Fault::kCutBeforeCommit)) return false;
    link.committed = Take(Fault::kCutAfterCommit);
  }
  return SendAll(link.server, bytes);
}

bool DatabaseWire::FromServer(Link& link) {
  const std::string bytes = Receive(link.server);
  if (bytes.empty() || link.committed) return false;
  if (link.appending && Take(Fault::kFreezeWithLock)) {
    link.frozen = true;
    return true;
  }
  return SendAll(link.client, bytes);
}

}  // namespace billhook::test
