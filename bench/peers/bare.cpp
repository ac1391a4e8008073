// The least that a correct receiver can do with cpp-httplib alone: verify the signature, read the envelope,
// answer. Where DATABASE_URL names a database it also inserts each body durably, one row a transaction and
// one at a time, before it answers: the bare durable insert that a lone request is compared with. Settings
// come from the environment: PORT, STRIPE_WEBHOOK_SECRET, DATABASE_URL.
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include <httplib.h>

#include "domain/stripe/envelope.h"
#include "domain/stripe/signature.h"
#include "service/clock.h"
#include "service/storage/open_database.h"

namespace {

std::string Setting(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

class Store {
 public:
  explicit Store(const std::string& url)
      : database_(url.empty()
                      ? nullptr
                      : billhook::storage::OpenDatabase(url, 1, billhook::storage::Ownership::kExclusive)) {
    if (!database_) return;
    session_.emplace(database_->Acquire(billhook::storage::Purpose::kAppend));
    (*session_)->Execute("CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, payload TEXT NOT NULL)");
  }

  void Insert(const std::string& id, const std::string& body) {
    if (!database_) return;
    const std::lock_guard lock(mutex_);
    (*session_)->Execute("INSERT INTO bare (id, payload) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
                         {id, body});
  }

 private:
  std::unique_ptr<billhook::storage::Database> database_;
  std::mutex mutex_;
  std::optional<billhook::storage::Database::Lease> session_;
};

}  // namespace

int main() {
  const std::vector<std::string> secrets{Setting("STRIPE_WEBHOOK_SECRET")};
  Store store(Setting("DATABASE_URL"));
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(64); };
  server.set_keep_alive_max_count(1'000'000);
  server.set_tcp_nodelay(true);
  server.Get("/health/live", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("{}", "application/json");
  });
  server.Post("/webhooks/stripe", [&](const httplib::Request& request, httplib::Response& response) {
    const auto verified =
        billhook::stripe::VerifySignature(request.get_header_value("Stripe-Signature"), request.body, secrets,
                                          billhook::SystemClock() / billhook::kMicrosPerSecond, 300);
    const auto envelope = billhook::stripe::ReadEnvelope(request.body);
    if (!verified || !envelope) {
      response.status = 400;
      return;
    }
    store.Insert(envelope->id, request.body);
    response.set_content("{\"event_id\":\"" + envelope->id + "\"}", "application/json");
  });
  return server.listen("127.0.0.1", std::stoi(Setting("PORT"))) ? 0 : 1;
}
