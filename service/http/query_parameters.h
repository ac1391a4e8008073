// The query string of a request: decoded once, each known parameter at most once, unknown ones refused. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/result.h"
#include "domain/time.h"
#include "service/http/problem.h"

namespace billhook::http {

// Percent-decoding; nothing if it is malformed or not UTF-8 without NUL. `plus_is_space` as in query strings.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// The inverse: all but letters, digits and "-._~" becomes %XX.
std::string PercentEncode(std::string_view text);

class QueryParameters {
 public:
  // The parameters, or all faults: what is not in `known`, stands twice or is not decodable.
  static Result<QueryParameters, std::vector<InputError>> Parse(std::string_view raw_query,
                                                                const std::vector<std::string_view>& known);

  [[nodiscard]] std::optional<std::string> Text(const std::string& name) const;

  // These note a fault for errors() and answer nothing when the parameter is there but bad.
  std::optional<std::int64_t> Integer(const std::string& name, std::int64_t least, std::int64_t most);
  std::optional<bool> Boolean(const std::string& name);
  std::optional<UnixMicros> Time(const std::string& name);
  void Fault(const std::string& name, std::string detail);

  [[nodiscard]] const std::vector<InputError>& errors() const { return errors_; }

 private:
  std::map<std::string, std::string> values_;
  std::vector<InputError> errors_;
};

}  // namespace billhook::http
