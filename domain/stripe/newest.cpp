#include "domain/stripe/newest.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include "domain/check.h"
#include "domain/stripe/upcast.h"

namespace billhook::stripe {
namespace {

using Ranks = std::map<std::string_view, int>;

const std::map<std::string_view, Ranks>& RanksByObject() {
  static const std::map<std::string_view, Ranks> kRanks = {
      {"invoice", {{"draft", 0}, {"open", 1}, {"uncollectible", 2}, {"paid", 3}, {"void", 3}}},
      {"payment_intent",
       {{"requires_payment_method", 0},
        {"requires_confirmation", 0},
        {"requires_action", 0},
        {"processing", 1},
        {"requires_capture", 2},
        {"succeeded", 3},
        {"canceled", 3}}},
      {"refund", {{"pending", 0}, {"requires_action", 0}, {"succeeded", 1}, {"failed", 2}, {"canceled", 2}}},
      {"dispute",
       {{"needs_response", 0},
        {"warning_needs_response", 0},
        {"under_review", 1},
        {"warning_under_review", 1},
        {"won", 2},
        {"lost", 2},
        {"warning_closed", 2},
        {"charge_refunded", 2},
        {"prevented", 2}}},
      {"payout", {{"pending", 0}, {"in_transit", 1}, {"paid", 2}, {"failed", 3}, {"canceled", 3}}},
      {"subscription",
       {{"incomplete", 0},
        {"trialing", 1},
        {"active", 1},
        {"past_due", 2},
        {"unpaid", 3},
        {"paused", 3},
        {"canceled", 4},
        {"incomplete_expired", 4}}},
      {"charge", {{"pending", 0}, {"succeeded", 1}, {"failed", 1}}},
      {"checkout.session", {{"open", 0}, {"complete", 1}, {"expired", 1}}},
  };
  return kRanks;
}

std::string_view TextAt(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return {};
  return member->get_ref<const std::string&>();
}

const Json* MemberOf(const Json& object, const std::string& key) {
  const auto member = object.find(key);
  return member == object.end() || member->is_null() ? nullptr : &*member;
}

// A null stands for an absent member too.
bool IsThatVeryValue(const Json& previous, const Json* value) {
  return value == nullptr ? previous.is_null() : previous == *value;
}

// Whether `previous` says nothing that `value` contradicts. An empty hash says that there was none.
bool Agrees(const Json& previous, const Json* value) {
  if (!previous.is_object() || previous.empty() || value == nullptr || !value->is_object())
    return IsThatVeryValue(previous, value);
  for (const auto& [key, member] : previous.items()) {
    if (!Agrees(member, MemberOf(*value, key))) return false;
  }
  return true;
}

template <typename Compare>
bool EachPreviousAttribute(const Sighting& later, const Sighting& earlier, Compare compare) {
  const Json* previous = later.previous_attributes;
  if (previous == nullptr || !previous->is_object() || previous->empty() || !earlier.object->is_object())
    return false;
  for (const auto& [key, value] : previous->items()) {
    if (!compare(value, MemberOf(*earlier.object, key))) return false;
  }
  return true;
}

// Of each sighting those that it follows.
std::vector<std::vector<std::size_t>> Links(const std::vector<Sighting>& sightings) {
  std::vector<std::vector<std::size_t>> links(sightings.size());
  for (std::size_t later = 0; later < sightings.size(); ++later) {
    for (const auto& follows : {&Follows, &FollowsInPart}) {
      for (std::size_t earlier = 0; earlier < sightings.size(); ++earlier) {
        if (later != earlier && follows(sightings[later], sightings[earlier]))
          links[later].push_back(earlier);
      }
      if (!links[later].empty()) break;
    }
  }
  return links;
}

}  // namespace

Phase PhaseOf(std::string_view event_type) {
  if (event_type.ends_with(".created")) return Phase::kCreated;
  if (event_type.ends_with(".deleted")) return Phase::kDeleted;
  return Phase::kChanged;
}

bool Follows(const Sighting& later, const Sighting& earlier) {
  return EachPreviousAttribute(later, earlier, &IsThatVeryValue);
}

bool FollowsInPart(const Sighting& later, const Sighting& earlier) {
  return EachPreviousAttribute(later, earlier, &Agrees);
}

std::size_t Newest(const std::vector<Sighting>& sightings) {
  BILLHOOK_CHECK(!sightings.empty());
  return InOrder(sightings).back();
}

std::vector<std::size_t> InOrder(const std::vector<Sighting>& sightings) {
  const std::size_t count = sightings.size();
  // Rules 4 and 5, the better first: among those that rule 3 leaves, the first of them is the newest.
  std::vector<std::size_t> by_standing(count);
  std::iota(by_standing.begin(), by_standing.end(), std::size_t{0});
  std::sort(by_standing.begin(), by_standing.end(), [&](std::size_t a, std::size_t b) {
    return std::make_tuple(LifecycleRank(*sightings[a].object), sightings[a].event_id) >
           std::make_tuple(LifecycleRank(*sightings[b].object), sightings[b].event_id);
  });
  const std::vector<std::vector<std::size_t>> follows = Links(sightings);
  std::vector<std::size_t> followers(count, 0);  // how many of those that are left follow each
  for (const std::vector<std::size_t>& followed : follows) {
    for (std::size_t earlier : followed) ++followers[earlier];
  }
  std::vector<std::size_t> order(count);
  for (std::size_t left = count; left > 0; --left) {
    auto newest = std::find_if(by_standing.begin(), by_standing.end(),
                               [&](std::size_t i) { return followers[i] == 0; });
    if (newest == by_standing.end()) newest = by_standing.begin();  // a cycle: all remain
    order[left - 1] = *newest;
    for (std::size_t earlier : follows[*newest]) --followers[earlier];
    by_standing.erase(newest);
  }
  return order;
}

int LifecycleRank(const Json& object) {
  const auto ranks = RanksByObject().find(TextAt(object, "object"));
  if (ranks == RanksByObject().end()) return -1;
  const Overlay newest = Upcast(ranks->first, object);  // old shapes tell their status in other words
  const Json* status = newest.Find("status");
  const auto rank = status != nullptr && status->is_string()
                        ? ranks->second.find(status->get_ref<const std::string&>())
                        : ranks->second.end();
  if (rank == ranks->second.end()) return -1;
  // A checkout session has two statuses that grow: an unpaid complete one stands before a paid complete one.
  const bool paid_session = ranks->first == "checkout.session" && TextAt(object, "payment_status") == "paid";
  return rank->second * 2 + (paid_session ? 1 : 0);
}

}  // namespace billhook::stripe
