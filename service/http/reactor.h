// Reactor: the running server. One thread owns the listening socket and every connection that is idle,
// sending a request, slow to take its answer, or closing; it never blocks on a peer. Complete requests go to
// the workers through a bounded queue; a worker answers and gives the connection back, mostly without waking
// the reactor. What waits for a pending answer comes to the workers a second time. Start and Stop belong to
// one caller; stats() may be called from anywhere.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "service/http/answer_writer.h"
#include "service/http/connection.h"
#include "service/http/server.h"
#include "service/http/work_queue.h"

struct epoll_event;

namespace billhook::http {

class Reactor {
 public:
  Reactor(const Limits& limits, std::size_t threads, Server::Handler handler, Server::FaultHandler on_fault,
          Server::Urgencies urgency_of);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  std::string Start(const std::string& host, int port);
  bool Stop(TimePoint deadline);
  [[nodiscard]] const std::string& address() const { return listener_.address; }
  [[nodiscard]] Server::Stats stats() const;

 private:
  // The reactor's thread (reactor.cpp).
  void Run();
  int WaitMilliseconds() const;
  void OnEvent(Connection& connection, unsigned events);
  void TakeBack();
  void HandOut();
  void Expire();
  void OnDue(Connection& connection);
  void MoveTimer(Connection& connection, TimePoint deadline);
  bool AcceptSome();
  void MakeRoom();
  void GiveMemoryBack();
  void BeginStopping();
  void CutOff();

  // What happens on a connection that the reactor owns (reactor_connection.cpp).
  void Read(Connection& connection);
  void Take(Connection& connection, std::string_view bytes);
  bool Hold(Connection& connection);
  void AnswerAtOnce(Connection& connection);
  void Fail(Connection& connection, Fault fault);
  void StartWriting(Connection& connection);
  void DropSlowestWriters();
  void Write(Connection& connection);
  void OnAnswered(Connection& connection);
  void StartLingering(Connection& connection);
  void Drain(Connection& connection);
  void GoOn(Connection& connection);
  void Close(Connection& connection);
  static Exchange TakeRequest(Connection& connection);

  // A worker's thread (reactor_worker.cpp).
  void Work();
  void Serve(AnswerWriter& writer, Connection& connection);
  Reply Handle(const Request& request) const;
  void Answer(AnswerWriter& writer, Connection& connection, const Exchange& exchange,
              const std::function<Response()>& respond);
  void GiveBack(Connection& connection);
  void Wake() const;

  const Limits limits_;
  const FramingLimits framing_limits_;
  const std::size_t thread_count_;
  const Server::Handler handler_;
  const Server::FaultHandler on_fault_;
  const Server::Urgencies urgency_of_;

  Listener listener_;
  Descriptor epoll_;
  Descriptor wake_;  // an eventfd
  std::thread thread_;
  std::vector<std::thread> workers_;
  WorkQueue queue_;
  std::atomic<bool> stopping_{false};
  std::atomic<TimePoint> stop_deadline_{};
  std::atomic<std::size_t> connection_count_{0};
  std::atomic<std::size_t> held_bytes_{0};  // of all requests that are not answered yet

  std::mutex inbox_mutex_;
  std::vector<Connection*> inbox_;  // given back by workers

  // The reactor's thread's alone.
  std::list<Connection> connections_;
  std::list<Connection> closed_;  // freed at the end of a turn: an event or a list may still name them
  Timers timers_;
  std::vector<Connection*> ready_;  // complete requests, not handed out yet
  std::vector<Connection*> again_;  // those that used up their share of a turn
  std::array<char, 64 * 1024> buffer_{};
  AnswerWriter writer_;
  TimePoint now_{};
  TimePoint accepts_again_{};  // when set: accepting waits until then, for descriptors to come free
  std::size_t unsent_bytes_ = 0;
  bool flooded_ = false;  // and the memory for it not given back yet
  bool began_stopping_ = false;
  bool cut_off_ = false;
};

// Sends what is left of the answer as far as the peer takes it now; marks the connection broken if it cannot
// be sent. Returns whether nothing is left.
bool SendSome(Connection& connection);

}  // namespace billhook::http
