// The part of Reactor that runs in the workers' threads.
#include <cerrno>
#include <cstdint>
#include <exception>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "domain/check.h"
#include "service/http/reactor.h"

namespace billhook::http {
namespace {

// What this thread is beginning, and whether its answer came meanwhile on this very thread: then it need not
// go by way of another.
struct Beginning {
  const Connection* connection = nullptr;
  bool answered = false;
};
thread_local Beginning beginning;

}  // namespace

bool SendSome(Connection& connection) {
  while (connection.sent < connection.unsent.size()) {
    const ssize_t sent = send(connection.socket.get(), connection.unsent.data() + connection.sent,
                              connection.unsent.size() - connection.sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      connection.broken = errno != EAGAIN && errno != EWOULDBLOCK;
      return false;
    }
    connection.sent += static_cast<std::size_t>(sent);
  }
  std::exchange(connection.unsent, {});  // and its memory: an idle connection keeps none
  connection.sent = 0;
  connection.answer_space.reset();
  return true;
}

void Reactor::Work() {
  AnswerWriter writer;
  while (const std::optional<WorkQueue::Work> work = queue_.Pop()) {
    try {
      Serve(writer, *work->connection);
    } catch (const std::exception&) {  // no memory: what the handler throws ends as a 500
      work->connection->broken = true;
      GiveBack(*work->connection);
    }
    queue_.Done(*work);
  }
}

void Reactor::Serve(AnswerWriter& writer, Connection& connection) {
  if (const std::unique_ptr<Exchange> resumed = std::move(connection.pending))
    return Answer(writer, connection, *resumed, resumed->answer);
  auto exchange = std::make_unique<Exchange>(TakeRequest(connection));
  Reply reply = Handle(exchange->request);
  if (auto* pending = std::get_if<Pending>(&reply)) {
    exchange->answer = std::move(pending->answer);
    connection.pending = std::move(exchange);
    queue_.Expect();
    beginning = {&connection};
    try {
      pending->begin([this, &connection] {
        if (beginning.connection == &connection) {
          beginning.answered = true;
        } else {
          queue_.Resume(connection);
        }
      });
    } catch (const std::exception&) {
      beginning = {};
      queue_.Forgo();
      throw;
    }
    if (!std::exchange(beginning, {}).answered) return;  // the connection may be another worker's by now
    queue_.Forgo();
    return Serve(writer, connection);
  }
  Answer(writer, connection, *exchange, [&] { return std::get<Response>(std::move(reply)); });
}

Reply Reactor::Handle(const Request& request) const {
  try {
    return handler_(request);
  } catch (const std::exception&) {
    return Response{500, "", "", {}};
  }
}

void Reactor::Answer(AnswerWriter& writer, Connection& connection, const Exchange& exchange,
                     const std::function<Response()>& respond) {
  // Decided after the handler: a stop that begins meanwhile makes this the connection's last answer.
  const auto may_keep_alive = [&] {
    return exchange.wants_keep_alive && !stopping_.load(std::memory_order_relaxed);
  };
  http::Answer answer =
      writer.Write(respond, may_keep_alive, exchange.request.method == "HEAD", exchange.http_1_0);
  held_bytes_ -= std::exchange(connection.held_bytes, 0);
  connection.unsent = std::move(answer.bytes);
  connection.answer_space = std::move(answer.space);
  connection.keep_alive = answer.keep_alive;
  const bool sent = SendSome(connection);
  connection.idle_since = std::chrono::steady_clock::now();
  // Most answers leave nothing to do but wait for the next request, whose arrival is what wakes the reactor.
  if (sent && connection.keep_alive) {
    Owner owner = Owner::kWorker;
    if (connection.owner.compare_exchange_strong(owner, Owner::kReactor)) return;
  }
  GiveBack(connection);
}

void Reactor::GiveBack(Connection& connection) {
  bool was_empty = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    was_empty = inbox_.empty();
    inbox_.push_back(&connection);
  }
  if (was_empty) Wake();
}

void Reactor::Wake() const {
  const std::uint64_t once = 1;
  BILLHOOK_CHECK(write(wake_.get(), &once, sizeof once) == sizeof once || errno == EAGAIN);
}

}  // namespace billhook::http
