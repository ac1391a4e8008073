// The part of Reactor that moves one connection on: reading, writing, lingering, closing.
#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "service/http/reactor.h"

namespace billhook::http {
namespace {

constexpr int kReadsPerTurn = 16;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// How long and how far a peer that still sends is listened to after its last answer, so that it reads that
// answer rather than a reset (RFC 9112 section 9.6).
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr std::chrono::milliseconds kLingerTimeWhileStopping{500};
constexpr std::size_t kLingerBytes = 8 << 20;
// Answers that slow peers have not taken yet, all together; beyond, those go that have waited longest for
// their peers, until a quarter is free.
constexpr std::size_t kMaxUnsentBytes = 128 << 20;

// A request that holds no more than this always finds room: attackers with large bodies do not keep out
// webhooks, most of which are smaller.
constexpr std::size_t kSmallRequestBytes = 16 * 1024;

bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

void Reactor::Read(Connection& connection) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t received = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && WouldBlock()) {
      connection.undrained = false;
      return;
    }
    if (received <= 0) return Close(connection);
    const auto size = static_cast<std::size_t>(received);
    // A short read means an empty socket: what comes later is a new event. An end that has come already is
    // not.
    connection.undrained = size == buffer_.size() || connection.peer_ended;
    Take(connection, std::string_view(buffer_.data(), size));
    if (connection.phase != Phase::kReading || connection.framer.state() != RequestFramer::State::kNeedsMore)
      return;
    if (!connection.undrained) return;
  }
  again_.push_back(&connection);
}

void Reactor::Take(Connection& connection, std::string_view bytes) {
  const bool begins = connection.framer.empty();
  const std::size_t taken = connection.framer.Feed(bytes);
  switch (connection.framer.state()) {
    case RequestFramer::State::kComplete:
      connection.leftover = bytes.substr(taken);
      if (!Hold(connection)) return Fail(connection, Fault::kOverloaded);
      ready_.push_back(&connection);
      return;
    case RequestFramer::State::kFault:
      return Fail(connection, connection.framer.fault());
    case RequestFramer::State::kNeedsMore:
      if (!Hold(connection)) return Fail(connection, Fault::kOverloaded);
      break;
  }
  if (begins) {
    connection.deadline = now_ + limits_.request_timeout;
    if (connection.deadline < connection.timer->first) MoveTimer(connection, connection.deadline);
  }
  if (connection.framer.TakeExpectation() && send(connection.socket.get(), kContinue.data(), kContinue.size(),
                                                  MSG_NOSIGNAL) != static_cast<ssize_t>(kContinue.size())) {
    Close(connection);
  }
}

// Counts what the connection holds; false if that is more than there is room for.
bool Reactor::Hold(Connection& connection) {
  const std::size_t now_held = connection.framer.held_bytes() + connection.leftover.size();
  held_bytes_ += now_held - std::exchange(connection.held_bytes, now_held);
  return now_held <= kSmallRequestBytes || held_bytes_ <= limits_.max_held_bytes;
}

Exchange Reactor::TakeRequest(Connection& connection) {
  Exchange exchange;
  exchange.wants_keep_alive = connection.framer.keep_alive();
  exchange.http_1_0 = connection.framer.minor_version() == 0;
  exchange.request = connection.framer.Take();
  exchange.request.remote_address = connection.remote_address;
  return exchange;
}

void Reactor::AnswerAtOnce(Connection& connection) {
  const Exchange exchange = TakeRequest(connection);
  http::Answer answer = writer_.Write([&] { return std::get<Response>(handler_(exchange.request)); },
                                      [&] { return exchange.wants_keep_alive && !began_stopping_; },
                                      exchange.request.method == "HEAD", exchange.http_1_0);
  connection.unsent = std::move(answer.bytes);
  connection.keep_alive = answer.keep_alive;
  connection.sent = 0;
  Hold(connection);
  StartWriting(connection);
}

void Reactor::Fail(Connection& connection, Fault fault) {
  const Exchange exchange = TakeRequest(connection);
  std::exchange(connection.leftover, {});
  Hold(connection);
  connection.faulted = true;
  connection.keep_alive = false;
  connection.unsent = writer_
                          .Write([&] { return on_fault_(exchange.request, fault); }, [] { return false; },
                                 exchange.request.method == "HEAD", exchange.http_1_0)
                          .bytes;
  connection.sent = 0;
  StartWriting(connection);
}

void Reactor::StartWriting(Connection& connection) {
  connection.phase = Phase::kWriting;
  connection.deadline = now_ + limits_.write_timeout;
  if (connection.deadline < connection.timer->first) MoveTimer(connection, connection.deadline);
  unsent_bytes_ += connection.unsent.size();
  Write(connection);
  if (unsent_bytes_ > kMaxUnsentBytes) DropSlowestWriters();
}

void Reactor::DropSlowestWriters() {
  std::vector<Connection*> writers;
  for (Connection& connection : connections_) {
    if (connection.owner.load() == Owner::kReactor && connection.phase == Phase::kWriting)
      writers.push_back(&connection);
  }
  std::sort(writers.begin(), writers.end(),
            [](const Connection* a, const Connection* b) { return a->deadline < b->deadline; });
  for (Connection* writer : writers) {
    if (unsent_bytes_ <= kMaxUnsentBytes / 4 * 3) return;
    Close(*writer);
  }
}

void Reactor::Write(Connection& connection) {
  const std::size_t size = connection.unsent.size();
  if (SendSome(connection)) {
    unsent_bytes_ -= size;
    return OnAnswered(connection);
  }
  if (connection.broken) return Close(connection);
  if (connection.watches_writing) return;
  connection.watches_writing = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET;
  event.data.ptr = &connection;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event) != 0) Close(connection);
}

void Reactor::OnAnswered(Connection& connection) {
  if (!connection.keep_alive) return StartLingering(connection);
  connection.phase = Phase::kReading;
  connection.idle_since = now_;
  GoOn(connection);
}

// The next request on a connection: first from what was read with the one before. While stopping, what the
// peer has sent already is looked at once; a whole request is served, anything less turned away.
void Reactor::GoOn(Connection& connection) {
  const auto reading = [&connection] {
    return connection.phase == Phase::kReading &&
           connection.framer.state() == RequestFramer::State::kNeedsMore;
  };
  const std::string leftover = std::exchange(connection.leftover, {});
  if (!leftover.empty()) Take(connection, leftover);
  if (reading() && (connection.undrained || connection.peer_ended || began_stopping_)) Read(connection);
  if (!began_stopping_ || !reading()) return;
  if (connection.framer.empty()) return Close(connection);
  Fail(connection, Fault::kOverloaded);
}

void Reactor::StartLingering(Connection& connection) {
  connection.phase = Phase::kLingering;
  std::exchange(connection.leftover, {});
  shutdown(connection.socket.get(), SHUT_WR);
  connection.deadline = now_ + (began_stopping_ ? kLingerTimeWhileStopping : kLingerTime);
  if (connection.deadline < connection.timer->first) MoveTimer(connection, connection.deadline);
  Drain(connection);
}

void Reactor::Drain(Connection& connection) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t received = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    // Nobody waits for a peer that has sent all it meant to when the server stops.
    if (received < 0 && WouldBlock() && (connection.faulted || !began_stopping_)) return;
    if (received <= 0) return Close(connection);
    connection.lingered_bytes += static_cast<std::size_t>(received);
    if (connection.lingered_bytes > kLingerBytes) return Close(connection);
  }
  again_.push_back(&connection);
}

void Reactor::Close(Connection& connection) {
  if (connection.phase == Phase::kWriting) unsent_bytes_ -= connection.unsent.size();
  connection.phase = Phase::kClosed;
  held_bytes_ -= connection.held_bytes;
  timers_.erase(connection.timer);
  std::erase(again_, &connection);
  closed_.splice(closed_.begin(), connections_, connection.self);
  connection_count_ = connections_.size();  // before the peer can know
  connection.socket.Close();
}

}  // namespace billhook::http
