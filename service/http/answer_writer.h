// AnswerWriter: cpp-httplib's server without its sockets. It lets httplib dispatch one exchange to a function
// of ours and write the answer, and gives the bytes back. httplib 0.11.4 sees a canonical request head alone,
// never the peer's: it would percent-decode header values, know ten methods, unpack or reinterpret bodies by
// their headers, and so judge a request otherwise than RequestFramer did. Not thread safe: each thread has
// its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/http/message.h"

namespace billhook::http {

struct Answer {
  std::string bytes;  // status line, headers and body
  bool keep_alive = false;
  std::shared_ptr<const void> space{};  // the response's
};

class AnswerWriter {
 public:
  AnswerWriter();
  ~AnswerWriter();
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  // The answer that `respond` gives, or an empty 500 when it throws. `head_only` leaves the body out, as HEAD
  // wants it. `may_keep_alive` is asked after `respond` has returned; to a peer of HTTP/1.0 keeping alive
  // must be said.
  Answer Write(const std::function<Response()>& respond, const std::function<bool()>& may_keep_alive,
               bool head_only, bool http_1_0);

 private:
  class Exchange;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace billhook::http
