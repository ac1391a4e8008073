// Connection: one accepted socket and how far its present exchange has come. At any time exactly one thread
// owns it: the reactor's, or the worker that answers its request; `owner` tells which, and passing it on
// publishes the rest. Only the reactor closes the socket, so no descriptor number can come to mean another
// peer under a worker's hands.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "service/http/framing.h"
#include "service/http/listener.h"
#include "service/http/message.h"

namespace billhook::http {

struct Connection;

using TimePoint = std::chrono::steady_clock::time_point;
using Timers = std::set<std::pair<TimePoint, Connection*>>;

enum class Owner : unsigned char {
  kReactor,
  kWorker,          // who may give it back by this flag alone, if nothing is left to do on it
  kWorkerRecalled,  // who must give it back through the reactor's inbox: something has come meanwhile
};

enum class Phase : unsigned char {
  kReading,    // idle, or a request is arriving
  kWriting,    // the peer is slow to take the answer
  kLingering,  // answered for the last time; what still arrives is thrown away until the peer has seen the
               // answer
  kClosed,
};

// A request that is being answered.
struct Exchange {
  Request request;
  bool wants_keep_alive = false;
  bool http_1_0 = false;
  std::function<Response()> answer;  // of a pending one
};

struct Connection {
  Connection(Descriptor accepted, std::string peer, const FramingLimits& limits)
      : socket(std::move(accepted)), remote_address(std::move(peer)), framer(limits) {}

  Descriptor socket;
  const std::string remote_address;
  std::atomic<Owner> owner{Owner::kReactor};

  // The owner's.
  RequestFramer framer;
  std::size_t held_bytes = 0;  // of the present request and what follows it, as the reactor has counted them
  std::unique_ptr<Exchange> pending;
  std::string unsent;  // of the answer
  std::size_t sent = 0;
  std::shared_ptr<const void> answer_space;  // of what is unsent
  TimePoint idle_since{};
  bool keep_alive = false;  // after the answer
  bool broken = false;      // the peer cannot be written to any more

  // The reactor's, whoever owns the rest.
  Phase phase = Phase::kReading;
  std::string leftover;    // of the requests after the present one, read already
  bool undrained = false;  // the socket may hold bytes that no new event will tell of
  bool peer_ended = false;
  bool faulted = false;  // answered before its request was read to the end
  bool watches_writing = false;
  std::size_t lingered_bytes = 0;
  TimePoint deadline{};      // of a request that is arriving, of writing, of lingering
  Timers::iterator timer{};  // at `deadline` or before it: looked at when due, moved only towards the present
  std::list<Connection>::iterator self{};
};

}  // namespace billhook::http
