#include "service/http/request_id.h"

#include <algorithm>

#include "domain/sha256.h"
#include "service/clock.h"

namespace billhook::http {
namespace {

constexpr const char* kHeader = "X-Request-Id";
constexpr std::string_view kSeparators = "._:+=/-";
constexpr std::string_view kSecretsBegin[] = {"sk_", "rk_", "whsec_"};
constexpr std::size_t kFewestCardDigits = 13;
constexpr std::size_t kMostCardDigits = 19;
constexpr std::ptrdiff_t kFewestTelephoneDigits = 10;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsSeparator(char c) {
  return kSeparators.find(c) != std::string_view::npos;
}

bool HoldsASecret(std::string_view id) {
  return std::any_of(std::begin(kSecretsBegin), std::end(kSecretsBegin),
                     [&](std::string_view begin) { return id.find(begin) != std::string_view::npos; });
}

bool HoldsACardNumber(std::string_view id) {
  while (!id.empty()) {
    const std::string_view word = id.substr(0, id.find_first_of(kSeparators));
    if (word.size() >= kFewestCardDigits && word.size() <= kMostCardDigits &&
        std::all_of(word.begin(), word.end(), IsDigit))
      return true;
    id.remove_prefix(std::min(word.size() + 1, id.size()));
  }
  return false;
}

bool IsManyDigitsAlone(std::string_view id) {
  return std::none_of(id.begin(), id.end(), IsLetter) &&
         std::count_if(id.begin(), id.end(), IsDigit) >= kFewestTelephoneDigits;
}

}  // namespace

bool IsUsableRequestId(std::string_view id) {
  const auto known = [](char c) { return IsDigit(c) || IsLetter(c) || IsSeparator(c); };
  return !id.empty() && id.size() <= kMaxRequestIdBytes && std::all_of(id.begin(), id.end(), known) &&
         !HoldsASecret(id) && !HoldsACardNumber(id) && !IsManyDigitsAlone(id);
}

std::string RequestIdOf(const Request& request) {
  const std::string* given = request.Header(kHeader);
  if (given != nullptr && request.HeaderCount(kHeader) == 1 && IsUsableRequestId(*given)) return *given;
  return NewUuidV7(SystemClock());
}

}  // namespace billhook::http
