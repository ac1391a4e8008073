#include "domain/check.h"
#include "service/publish/broker.h"

namespace billhook::publish {

std::unique_ptr<Broker> OpenBroker(const Destination& destination) {
  switch (destination.kind) {
    case Destination::Kind::kRedis:
      return OpenRedis(destination);
    case Destination::Kind::kAmqp:
      return OpenAmqp(destination);
    case Destination::Kind::kKafka:
      return OpenKafka(destination);
  }
  BILLHOOK_CHECK(false);
  return nullptr;
}

}  // namespace billhook::publish
