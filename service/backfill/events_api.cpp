#include "service/backfill/events_api.h"

#include <algorithm>
#include <optional>

#include "domain/json_text.h"
#include "service/clock.h"
#include "service/http/query_parameters.h"
#include "service/http/retry_after.h"

namespace billhook::backfill {
namespace {

constexpr std::chrono::milliseconds kTimeout{60'000};

std::string PathOf(const EventsQuery& query) {
  std::string path = "/v1/events?limit=" + std::to_string(EventsApi::kPageSize) +
                     "&created%5Bgte%5D=" + std::to_string(query.from_s) +
                     "&created%5Blt%5D=" + std::to_string(query.until_s);
  if (!query.starting_after.empty()) path += "&starting_after=" + http::PercentEncode(query.starting_after);
  return path;
}

Unexpected<std::string> Refused(const http::Response& response) {
  const std::string status = std::to_string(response.status);
  if (response.status == 401) return Unexpected("Stripe does not know this STRIPE_API_KEY (" + status + ")");
  if (response.status == 403) {
    return Unexpected("this STRIPE_API_KEY may not list events (" + status +
                      "): give the restricted key the permission to read them");
  }
  return Unexpected("Stripe answers " + status + " to its list of events; check STRIPE_API_BASE");
}

// The member of the outermost object under that key; nothing unless there is exactly one.
std::optional<std::string_view> Member(std::string_view object, std::string_view key) {
  const std::vector<std::string_view> values = ValuesUnder(object, key, 1);
  if (values.size() != 1) return std::nullopt;
  return values.front();
}

Result<EventsPage, std::string> PageFrom(std::string_view body) {
  if (IsJson(body)) {
    const std::optional<std::string_view> data = Member(body, "data");
    const std::optional<std::string_view> has_more = Member(body, "has_more");
    if (data && data->starts_with('[') && (has_more == "true" || has_more == "false")) {
      const std::vector<std::string_view> events = ElementsOf(*data);
      return EventsPage{{events.begin(), events.end()}, has_more == "true"};
    }
  }
  return Unexpected<std::string>("what answers at STRIPE_API_BASE is no list of events");
}

}  // namespace

EventsApi::EventsApi(const std::string& base, const std::string& key, Pause pause)
    : client_(base, kTimeout), authorization_("Bearer " + key), pause_(std::move(pause)) {}

Result<EventsPage, std::string> EventsApi::List(const EventsQuery& query) {
  std::chrono::milliseconds pause = kFirstPause;
  for (int tries = 1;; ++tries) {
    const std::optional<http::Response> response =
        client_.Send("GET", PathOf(query), {{"Authorization", authorization_}});
    if (response && response->status == 200) return PageFrom(response->body);
    const bool may_pass = response ? response->status == 429 || response->status >= 500 : client_.may_pass();
    if (response && !may_pass) return Refused(*response);
    const std::string why =
        response ? "Stripe answers " + std::to_string(response->status) : "Stripe: " + client_.error();
    if (!may_pass) return Unexpected(why);
    const auto asked = response ? http::RetryAfterOf(*response, SystemClock()) : std::nullopt;
    if (tries == kMostTries || (asked && *asked > kLongestRetryAfter)) {
      return Unexpected(why + (asked ? " and asks to wait " + std::to_string(asked->count()) + " s" : "") +
                        "; run the same command again later: it goes on where this one ended");
    }
    pause_(std::max<std::chrono::milliseconds>(pause, asked.value_or(std::chrono::seconds(0))), why);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace billhook::backfill
