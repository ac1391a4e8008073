#include "service/http/listener.h"

#include <cerrno>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace billhook::http {
namespace {

constexpr int kBacklog = 1024;
// Of answers on their way the kernel holds about twice this, where it would hold megabytes for a peer that
// does not read.
constexpr int kSendBufferBytes = 128 << 10;

std::string InBrackets(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string Explain(const std::string& host, int port, int error) {
  std::string text = "cannot listen on " + InBrackets(host) + ":" + std::to_string(port) + ": ";
  if (error == EADDRINUSE) {
    return text + "another process already listens there; stop it, or choose another PORT";
  }
  if (error == EACCES) return text + "ports below 1024 need privileges; choose a PORT of 1024 or more";
  if (error == EADDRNOTAVAIL)
    return text + "this machine has no such address; set HOST to one of its own, or 0.0.0.0";
  return text + std::generic_category().message(error);
}

// 0, or the error's number.
int Open(const addrinfo& where, Descriptor& socket) {
  socket = Descriptor(
      ::socket(where.ai_family, where.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, where.ai_protocol));
  if (socket.get() < 0) return errno;
  const auto set = [&](int level, int option, int value) {
    return setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
  };
  // What is accepted inherits these.
  const bool listens = set(SOL_SOCKET, SO_REUSEADDR, 1) && set(IPPROTO_TCP, TCP_NODELAY, 1) &&
                       set(SOL_SOCKET, SO_SNDBUF, kSendBufferBytes) &&
                       bind(socket.get(), where.ai_addr, where.ai_addrlen) == 0 &&
                       listen(socket.get(), kBacklog) == 0;
  return listens ? 0 : errno;
}

int BoundPort(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char port[NI_MAXSERV] = "0";
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (getsockname(fd, generic, &length) == 0) {
    getnameinfo(generic, length, nullptr, 0, port, sizeof port, NI_NUMERICSERV);
  }
  return std::stoi(port);
}

}  // namespace

Result<Listener, std::string> Listen(const std::string& host, int port) {
  if (port < 0 || port > 65535) {
    return Unexpected("cannot listen on port " + std::to_string(port) + ": choose a PORT from 0 to 65535");
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) {
    return Unexpected("cannot listen on \"" + host + "\": " + gai_strerror(failure) +
                      "; set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  int error = 0;
  for (const addrinfo* where = found; where != nullptr; where = where->ai_next) {
    Listener listener;
    error = Open(*where, listener.socket);
    if (error != 0) continue;
    listener.address = "http://" + InBrackets(host) + ":" + std::to_string(BoundPort(listener.socket.get()));
    return listener;
  }
  return Unexpected(Explain(host, port, error));
}

}  // namespace billhook::http
