#include "tests/support/peer.h"

#include <array>
#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace billhook::http {

Peer::Peer(const std::string& address, const char* from) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd_, 0) << "out of descriptors? raise ulimit -n";
  sockaddr_in own{};
  own.sin_family = AF_INET;
  inet_pton(AF_INET, from, &own.sin_addr);
  const int on = 1;
  setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  const timeval patience{kPatience.count(), 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0) << address;
}

Peer::Peer(Peer&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      received_(std::move(other.received_)),
      orderly_end_(other.orderly_end_) {}

Peer::~Peer() {
  if (fd_ >= 0) close(fd_);
}

void Peer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Peer::EndSending() {
  shutdown(fd_, SHUT_WR);
}

void Peer::Reset() {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(fd_, -1));
}

bool Peer::Receive() {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  orderly_end_ = count == 0;
  if (count <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

RawAnswer Peer::Read(bool to_head) {
  RawAnswer answer;
  std::size_t head_end = 0;
  while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive()) return answer;
  }
  answer.head = received_.substr(0, head_end + 4);
  std::size_t length = 0;
  const std::string field = "Content-Length: ";
  if (const std::size_t at = answer.head.find(field); at != std::string::npos && !to_head) {
    length = std::stoul(answer.head.substr(at + field.size()));
  }
  while (received_.size() < head_end + 4 + length) {
    if (!Receive()) return answer;
  }
  answer.body = received_.substr(head_end + 4, length);
  received_.erase(0, head_end + 4 + length);
  answer.status = std::atoi(answer.head.substr(9, 3).c_str());
  return answer;
}

std::string Peer::ReadToEnd() {
  while (Receive()) continue;
  return std::exchange(received_, {});
}

bool Peer::HearsWithin(std::chrono::milliseconds time) const {
  pollfd watched{fd_, POLLIN, 0};
  return poll(&watched, 1, static_cast<int>(time.count())) > 0;
}

bool Peer::SeesEnd() {
  return ReadToEnd().empty() && orderly_end_;
}

std::string Post(std::string_view path, std::string_view body, std::string_view more) {
  std::string request = "POST ";
  request.append(path).append(" HTTP/1.1\r\nHost: localhost\r\n").append(more);
  request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return request;
}

std::string Get(std::string_view path, std::string_view more) {
  std::string request = "GET ";
  return request.append(path).append(" HTTP/1.1\r\nHost: localhost\r\n").append(more).append("\r\n");
}

RunningServer::RunningServer(Server::Handler handler, Limits limits, std::size_t threads)
    : server_(limits, threads, std::move(handler), &RunningServer::OnFault, [](const Request& request) {
        if (request.path == "/at-once") return Server::Urgency::kAtOnce;
        return request.path == "/foremost" ? Server::Urgency::kForemost : Server::Urgency::kUsual;
      }) {
  EXPECT_EQ(server_.Start("127.0.0.1", 0), "");
}

Response RunningServer::OnFault(const Request&, Fault fault) {
  Response response;
  response.content_type = "text/plain";
  switch (fault) {
    case Fault::kMalformed:
      response.status = 400;
      break;
    case Fault::kRequestTimeout:
      response.status = 408;
      break;
    case Fault::kBodyTooLarge:
      response.status = 413;
      break;
    case Fault::kUriTooLong:
      response.status = 414;
      break;
    case Fault::kHeadersTooLarge:
      response.status = 431;
      break;
    case Fault::kOverloaded:
      response.status = 503;
      response.headers.emplace_back("Retry-After", "1");
      break;
    case Fault::kVersionNotSupported:
      response.status = 505;
      break;
  }
  response.body = "fault " + std::to_string(response.status);
  return response;
}

Response Echo(const Request& request) {
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + "\n" + request.path + "\n" + request.raw_query + "\n" + request.body;
  return response;
}

}  // namespace billhook::http
