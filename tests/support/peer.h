// Peer: the other end of a connection to the server under test, in raw bytes, so that a test can send what no
// client library would. Every read ends after kPatience at the latest. Not thread safe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "service/http/server.h"

namespace billhook::http {

constexpr std::chrono::seconds kPatience{20};

struct RawAnswer {
  int status = 0;    // 0: the connection ended or was reset before an answer was complete
  std::string head;  // status line and headers
  std::string body;
};

class Peer {
 public:
  // Connects to "http://127.0.0.1:PORT", from that address of this machine.
  explicit Peer(const std::string& address, const char* from = "127.0.0.1");
  explicit Peer(const Server& server, const char* from = "127.0.0.1") : Peer(server.address(), from) {}
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&&) = delete;
  ~Peer();

  // Sends all of it, or as much as the server takes before it closes.
  void Send(std::string_view bytes);
  void EndSending();
  // Ends the connection with a reset instead of an orderly end.
  void Reset();

  // The next answer; `to_head` for an answer to HEAD, which announces a body and has none.
  RawAnswer Read(bool to_head = false);
  // All that comes until the server closes (what is there so far if it does not).
  std::string ReadToEnd();
  // Whether anything comes, or the server closes, within that time.
  [[nodiscard]] bool HearsWithin(std::chrono::milliseconds time) const;
  [[nodiscard]] int socket() const { return fd_; }
  // Whether the server has closed in an orderly way, without a byte more.
  bool SeesEnd();

 private:
  bool Receive();

  int fd_ = -1;
  std::string received_;
  bool orderly_end_ = false;
};

// "POST /path HTTP/1.1" with a Host header, `more` (header lines, each ended by CRLF) and the body with its
// length.
std::string Post(std::string_view path, std::string_view body, std::string_view more = "");
std::string Get(std::string_view path, std::string_view more = "");

// A started server on a free port of 127.0.0.1; "/at-once" needs no worker, "/foremost" finds one.
class RunningServer {
 public:
  explicit RunningServer(Server::Handler handler, Limits limits = {}, std::size_t threads = 2);
  Server& operator*() { return server_; }
  Server* operator->() { return &server_; }

  // Its fault handler answers with this status and the fault's name as body.
  static Response OnFault(const Request& request, Fault fault);

 private:
  Server server_;
};

// Answers with method, path, query and body, one a line, so that a test sees what the handler saw.
Response Echo(const Request& request);

}  // namespace billhook::http
