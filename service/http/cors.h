// Which web pages of other origins may ask the API and read its answers (CORS,
// https://fetch.spec.whatwg.org): those of the configured origins, by default none. Callers bear a key in a
// header of theirs, so a browser's own credentials (cookies, certificates) are never allowed. Pure, thread
// safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "service/http/message.h"

namespace billhook::http {

class Cors {
 public:
  // Origins as IsOrigin has them.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  // Whether a browser asks here, for a page of an allowed origin, what that may send. Such a question bears
  // no key, and its answer tells nothing but names of methods and headers.
  [[nodiscard]] bool IsPreflight(const Request& request) const;
  // Its answer, for a path that has these methods. Mark belongs to it as to any other.
  static Response Preflight(const std::string& methods);

  // Adds to an answer, refusals included, which page may read it.
  void Mark(const Request& request, Response& response) const;

 private:
  // The request's one Origin if it is allowed, or nullptr.
  [[nodiscard]] const std::string* AllowedOrigin(const Request& request) const;

  const std::vector<std::string> origins_;
};

// Whether the text is an origin, written as browsers write it: http or https, a host in lower case (ASCII;
// IPv6 in brackets), a port unless it is the scheme's own, and nothing after. "null" and "*" are none.
bool IsOrigin(std::string_view text);

}  // namespace billhook::http
