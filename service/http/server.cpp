#include "service/http/server.h"

#include <utility>

#include "service/http/reactor.h"

namespace billhook::http {

Server::Server(Limits limits, std::size_t threads, Handler handler, FaultHandler on_fault,
               Urgencies urgency_of)
    : limits_(limits),
      threads_(threads),
      handler_(std::move(handler)),
      on_fault_(std::move(on_fault)),
      urgency_of_(std::move(urgency_of)) {}

Server::~Server() = default;

std::string Server::Start(const std::string& host, int port) {
  reactor_ = std::make_unique<Reactor>(limits_, threads_, handler_, on_fault_, urgency_of_);
  return reactor_->Start(host, port);
}

std::string Server::address() const {
  return reactor_ ? reactor_->address() : "";
}

bool Server::Stop(std::chrono::steady_clock::time_point deadline) {
  return !reactor_ || reactor_->Stop(deadline);
}

Server::Stats Server::stats() const {
  return reactor_ ? reactor_->stats() : Stats{};
}

}  // namespace billhook::http
