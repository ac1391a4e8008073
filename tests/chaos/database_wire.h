// The network between billhook and PostgreSQL, cut where a test wants it cut: in the middle of a COMMIT, or
// so that nothing passes any more though both ends stand. Forwards all other bytes unchanged. Thread safe.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace billhook::test {

class DatabaseWire {
 public:
  // What happens, once, to the next transaction that appends to the log.
  enum class Fault {
    kNone,
    kCutBeforeCommit,  // the server never sees the COMMIT
    kCutAfterCommit,   // the server commits, its answer is lost
    kFreezeWithLock,   // the server has given the log's lock; then nothing passes until Heal
  };

  // Listens on 127.0.0.1 and forwards to `server_port` there.
  explicit DatabaseWire(int server_port);
  ~DatabaseWire();
  DatabaseWire(const DatabaseWire&) = delete;
  DatabaseWire& operator=(const DatabaseWire&) = delete;

  [[nodiscard]] int port() const { return port_; }
  void Arm(Fault fault) { fault_ = fault; }
  // Whether the armed fault has come to pass.
  [[nodiscard]] bool Struck() const { return fault_ == Fault::kNone; }
  // Ends the connections that are frozen.
  void Heal() { healed_ = true; }

 private:
  struct Link {
    int client = -1;
    int server = -1;
    bool appending = false;  // the client has asked for the log's lock
    bool committed = false;  // its COMMIT was forwarded; the answer is not to be
    bool frozen = false;
  };

  void Accept();
  void Serve(Link link);
  // One turn of forwarding in each direction; false when the link is done.
  bool FromClient(Link& link);
  bool FromServer(Link& link);
  bool Take(Fault fault);

  int port_ = 0;
  int listener_ = -1;
  int server_port_;
  std::atomic<Fault> fault_{Fault::kNone};
  std::atomic<bool> healed_{false};
  std::atomic<bool> stopping_{false};
  std::list<std::thread> links_;  // the accepting thread's alone, until it ends
  std::thread acceptor_;
};

}  // namespace billhook::test
