// The port to a message broker: a connection that takes events and says how many it has for sure. One file a
// broker and its library. A Broker is for one thread and of no more use after a fault.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "domain/event.h"
#include "service/publish/destination.h"

namespace billhook::publish {

// At most so many events are sent before they are confirmed.
constexpr std::size_t kMostMessages = 256;
// For a connection, and for a broker to confirm what it was sent: less than a database lets a transaction
// idle, and than serve has to stop.
constexpr std::chrono::seconds kPatience{5};

struct Message {
  RecordedEvent recorded;  // without its payload, which is in the document
  std::string document;    // JSON, as GET /events shows the event
};

struct Delivery {
  std::size_t confirmed = 0;  // so many of the first
  std::string fault;          // why not more; empty: all
};

// No connection, in words for an operator.
class BrokerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Broker {
 public:
  virtual ~Broker() = default;

  // Sends them in their order and waits until the broker answers for them. What lies behind `confirmed` may
  // have arrived or not.
  virtual Delivery Send(const std::vector<Message>& messages) = 0;
};

// Connects; throws BrokerError.
std::unique_ptr<Broker> OpenRedis(const Destination& destination);
std::unique_ptr<Broker> OpenAmqp(const Destination& destination);
std::unique_ptr<Broker> OpenKafka(const Destination& destination);
std::unique_ptr<Broker> OpenBroker(const Destination& destination);

}  // namespace billhook::publish
