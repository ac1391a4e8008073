#include "service/http/reactor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <unordered_map>

#include <netdb.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domain/check.h"
#include "service/http/network.h"
#include "service/memory.h"

namespace billhook::http {
namespace {

constexpr std::size_t kEventsPerTurn = 256;
constexpr int kAcceptsPerTurn = 64;
constexpr int kLastAcceptTurns = 32;  // more than the backlog holds
constexpr std::chrono::milliseconds kAcceptPause{100};
// More than either is a flood; a tenth of both is its end.
constexpr std::size_t kFloodConnections = 1'000;
constexpr std::size_t kFloodBytes = 16 << 20;
// Room is made for this part of all connections at a time: to find them is to look at all.
constexpr std::size_t kRoomShare = 32;

// Signals are the main thread's: the server's threads are started with all of them blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

std::string AddressOf(const sockaddr_storage& peer, socklen_t length) {
  char host[NI_MAXHOST] = "";
  getnameinfo(reinterpret_cast<const sockaddr*>(&peer), length, host, sizeof host, nullptr, 0,
              NI_NUMERICHOST);
  std::string address = host;
  const std::string mapped = "::ffff:";  // an IPv4 peer of a socket that serves both
  if (address.starts_with(mapped) && address.find('.') != std::string::npos) address.erase(0, mapped.size());
  return address;
}

bool Watch(int epoll, int operation, int fd, unsigned events, void* tag) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = tag;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

// How many workers may be busy with what is not foremost.
std::size_t MostUsual(std::size_t threads) {
  return threads == 1 ? 1 : threads - std::max<std::size_t>(threads / 4, 1);
}

FramingLimits FramingOf(const Limits& limits) {
  return {limits.max_body_bytes, limits.max_uri_bytes, limits.max_header_bytes, limits.max_header_count};
}

}  // namespace

Reactor::Reactor(const Limits& limits, std::size_t threads, Server::Handler handler,
                 Server::FaultHandler on_fault, Server::Urgencies urgency_of)
    : limits_(limits),
      framing_limits_(FramingOf(limits)),
      thread_count_(std::max<std::size_t>(threads, 1)),
      handler_(std::move(handler)),
      on_fault_(std::move(on_fault)),
      urgency_of_(std::move(urgency_of)),
      queue_(limits.max_waiting_requests, MostUsual(thread_count_)) {}

Reactor::~Reactor() {
  Stop(std::chrono::steady_clock::now());
}

std::string Reactor::Start(const std::string& host, int port) {
  Result<Listener, std::string> listener = Listen(host, port);
  if (!listener) return listener.error();
  listener_ = std::move(listener).value();
  epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = Descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!Watch(epoll_.get(), EPOLL_CTL_ADD, listener_.socket.get(), EPOLLIN, &listener_) ||
      !Watch(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), EPOLLIN, &wake_)) {
    return "cannot watch sockets: " + std::generic_category().message(errno) +
           "; raise the limit of open files";
  }
  const SignalsBlocked blocked;
  for (std::size_t i = 0; i < thread_count_; ++i) workers_.emplace_back([this] { Work(); });
  thread_ = std::thread([this] { Run(); });
  return "";
}

bool Reactor::Stop(TimePoint deadline) {
  stop_deadline_ = deadline;
  stopping_ = true;
  if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
  queue_.AwaitExpected();  // who still answers would come back to what is gone
  workers_.clear();
  timers_.clear();
  connections_.clear();
  connection_count_ = 0;
  listener_.socket.Close();
  return !cut_off_;
}

Server::Stats Reactor::stats() const {
  return {connection_count_.load(), queue_.size(), held_bytes_.load()};
}

void Reactor::Run() {
  std::array<epoll_event, kEventsPerTurn> events;
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, WaitMilliseconds());
    BILLHOOK_CHECK(count >= 0 || errno == EINTR);
    now_ = std::chrono::steady_clock::now();
    for (Connection* connection : std::exchange(again_, {})) OnEvent(*connection, 0);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == &listener_) {
        AcceptSome();
      } else if (event.data.ptr != &wake_) {
        OnEvent(*static_cast<Connection*>(event.data.ptr), event.events);
      } else {
        std::uint64_t wakes = 0;
        BILLHOOK_CHECK(read(wake_.get(), &wakes, sizeof wakes) == sizeof wakes || errno == EAGAIN);
        TakeBack();
      }
    }
    if (stopping_ && !began_stopping_) BeginStopping();
    HandOut();
    Expire();
    closed_.clear();
    GiveMemoryBack();
    if (!began_stopping_) continue;
    if (connections_.empty()) return;
    if (now_ >= stop_deadline_.load()) return CutOff();
  }
}

// Until the next timer is due, rounded up so that it is due then.
int Reactor::WaitMilliseconds() const {
  if (!again_.empty() || !ready_.empty()) return 0;
  TimePoint next = TimePoint::max();
  if (!timers_.empty()) next = timers_.begin()->first;
  if (accepts_again_ != TimePoint{}) next = std::min(next, accepts_again_);
  if (began_stopping_) next = std::min(next, stop_deadline_.load());
  if (next == TimePoint::max()) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
}

void Reactor::OnEvent(Connection& connection, unsigned events) {
  if (connection.phase == Phase::kClosed) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) connection.peer_ended = true;
  // A worker has it: let it give the connection back through the inbox, and look at the socket then.
  Owner owner = Owner::kWorker;
  connection.owner.compare_exchange_strong(owner, Owner::kWorkerRecalled);
  if (owner != Owner::kReactor) {
    connection.undrained = true;
    return;
  }
  switch (connection.phase) {
    case Phase::kReading:
      if (connection.framer.state() == RequestFramer::State::kNeedsMore) return Read(connection);
      connection.undrained = true;  // its request is among ready_
      return;
    case Phase::kWriting:
      connection.undrained = true;
      return Write(connection);
    case Phase::kLingering:
      return Drain(connection);
    case Phase::kClosed:
      return;
  }
}

void Reactor::TakeBack() {
  std::vector<Connection*> returned;
  {
    const std::lock_guard lock(inbox_mutex_);
    returned.swap(inbox_);
  }
  for (Connection* connection : returned) {
    connection->owner.store(Owner::kReactor);
    if (connection->broken) {
      Close(*connection);
    } else if (connection->unsent.empty()) {
      OnAnswered(*connection);
    } else {
      StartWriting(*connection);
    }
  }
}

// A request that follows on one answered at once waits for the next turn, so that no peer has the reactor to
// itself.
void Reactor::HandOut() {
  std::vector<WorkQueue::Work> work;
  for (Connection* connection : std::exchange(ready_, {})) {
    const Server::Urgency urgency = urgency_of_(connection->framer.request());
    if (urgency == Server::Urgency::kAtOnce) {
      AnswerAtOnce(*connection);
      continue;
    }
    const bool has_more = connection->undrained || connection->peer_ended || !connection->leftover.empty();
    connection->owner.store(has_more || began_stopping_ ? Owner::kWorkerRecalled : Owner::kWorker);
    work.push_back({connection, urgency == Server::Urgency::kForemost});
  }
  if (work.empty()) return;
  for (Connection* connection : queue_.Push(work)) {
    connection->owner.store(Owner::kReactor);
    Fail(*connection, Fault::kOverloaded);
  }
}

void Reactor::Expire() {
  if (accepts_again_ != TimePoint{} && now_ >= accepts_again_) {
    accepts_again_ = TimePoint{};
    if (!began_stopping_) Watch(epoll_.get(), EPOLL_CTL_MOD, listener_.socket.get(), EPOLLIN, &listener_);
  }
  while (!timers_.empty() && timers_.begin()->first <= now_) OnDue(*timers_.begin()->second);
}

// A timer is a reason to look, no more: most connections have become active again since theirs was set.
void Reactor::OnDue(Connection& connection) {
  if (connection.owner.load() != Owner::kReactor) {
    // What a worker has is idle again at the earliest now.
    return MoveTimer(connection, now_ + std::max(limits_.idle_timeout, std::chrono::milliseconds(1)));
  }
  const bool reading = connection.phase == Phase::kReading;
  // Its request is among ready_.
  if (reading && connection.framer.state() == RequestFramer::State::kComplete)
    return MoveTimer(connection, now_ + limits_.request_timeout);
  const bool idle = reading && connection.framer.empty();
  const TimePoint due = idle ? connection.idle_since + limits_.idle_timeout : connection.deadline;
  if (due > now_) return MoveTimer(connection, due);
  if (idle || !reading) return Close(connection);
  Fail(connection, Fault::kRequestTimeout);
}

void Reactor::MoveTimer(Connection& connection, TimePoint deadline) {
  auto node = timers_.extract(connection.timer);
  node.value().first = deadline;
  connection.timer = timers_.insert(std::move(node)).position;
}

// Whether more may wait to be accepted.
bool Reactor::AcceptSome() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = accept4(listener_.socket.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      Watch(epoll_.get(), EPOLL_CTL_MOD, listener_.socket.get(), 0, &listener_);
      accepts_again_ = now_ + kAcceptPause;
      return false;
    }
    if (fd < 0) continue;  // that peer has gone
    Descriptor socket(fd);
    if (connections_.size() >= limits_.max_connections) MakeRoom();
    if (connections_.size() >= limits_.max_connections) continue;
    connections_.emplace_front(std::move(socket), AddressOf(peer, length), framing_limits_);
    Connection& connection = connections_.front();
    connection.self = connections_.begin();
    connection.idle_since = now_;
    connection.timer = timers_.emplace(now_ + limits_.idle_timeout, &connection).first;
    connection_count_ = connections_.size();
    if (!Watch(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, &connection))
      Close(connection);
  }
  return true;
}

// Closes some of the connections on which nothing goes on, so that nobody keeps others out by opening them
// and saying nothing. Those go first of whom the same address has most: that is rather a stranger's than a
// caller's.
void Reactor::MakeRoom() {
  struct Candidate {
    const std::size_t* of_address;
    bool silent;  // says nothing; else a request has begun to arrive
    TimePoint since;
    Connection* connection;
  };
  std::unordered_map<std::string, std::size_t> of_addresses;
  std::vector<Candidate> candidates;
  for (Connection& connection : connections_) {
    std::size_t& of_address = of_addresses[NetworkOf(connection.remote_address)];
    ++of_address;
    if (connection.owner.load() != Owner::kReactor || connection.phase == Phase::kWriting) continue;
    const bool silent = connection.phase == Phase::kLingering || connection.framer.empty();
    if (!silent && connection.framer.state() != RequestFramer::State::kNeedsMore) continue;  // among ready_
    const TimePoint since = silent ? connection.idle_since : connection.deadline - limits_.request_timeout;
    candidates.push_back({&of_address, silent, since, &connection});
  }
  const std::size_t room =
      std::min(candidates.size(), std::max<std::size_t>(limits_.max_connections / kRoomShare, 1));
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(room);
  std::partial_sort(candidates.begin(), end, candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (*a.of_address != *b.of_address) return *a.of_address > *b.of_address;
    return a.silent != b.silent ? a.silent : a.since < b.since;
  });
  for (auto candidate = candidates.begin(); candidate != end; ++candidate) Close(*candidate->connection);
}

// By itself the allocator keeps what it once had.
void Reactor::GiveMemoryBack() {
  const std::size_t bytes = held_bytes_ + unsent_bytes_;
  if (connections_.size() > kFloodConnections || bytes > kFloodBytes) flooded_ = true;
  if (!flooded_ || connections_.size() > kFloodConnections / 10 || bytes > kFloodBytes / 10) return;
  flooded_ = false;
  GiveFreedMemoryBack();
}

// Who was accepted by the kernel has perhaps sent a whole request: each gets a last look before it is turned
// away.
void Reactor::BeginStopping() {
  for (int i = 0; i < kLastAcceptTurns && AcceptSome(); ++i) continue;
  listener_.socket.Close();
  accepts_again_ = TimePoint{};
  began_stopping_ = true;
  std::vector<Connection*> all;
  for (Connection& connection : connections_) all.push_back(&connection);
  for (Connection* connection : all) {
    Owner owner = Owner::kWorker;
    connection->owner.compare_exchange_strong(owner, Owner::kWorkerRecalled);
    if (owner != Owner::kReactor) continue;
    const bool ready = connection->framer.state() == RequestFramer::State::kComplete;
    if (connection->phase == Phase::kReading && !ready) GoOn(*connection);
    if (connection->phase == Phase::kLingering) Drain(*connection);
  }
}

void Reactor::CutOff() {
  queue_.Close();
  for (Connection& connection : connections_) {
    const bool unanswered = connection.owner.load() != Owner::kReactor || connection.phase == Phase::kWriting;
    cut_off_ |= unanswered;
    if (unanswered) shutdown(connection.socket.get(), SHUT_RDWR);
  }
}

}  // namespace billhook::http
