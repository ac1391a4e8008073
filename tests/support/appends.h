// Small builders of what goes into the log.
#pragma once

#include <string>

#include "domain/event_store.h"

namespace billhook::test {

// A Stripe event about a customer; the payload names its ID so that no two are alike.
inline AppendRequest StripeAppend(const std::string& event_id, const std::string& aggregate_id = "cus_1",
                                  const std::string& tenant = "default") {
  Append append;
  append.event.id = NewUuidV7(1'767'225'600'000'000);
  append.event.tenant = tenant;
  append.event.aggregate_type = "customer";
  append.event.aggregate_id = aggregate_id;
  append.event.event_type = "customer.updated";
  append.event.source = Source::kStripe;
  append.event.payload = "{\n  \"id\": \"" + event_id + "\",  \"b\":1, \"a\": 1.50,\"b\": \"\\u0000\"}";
  append.event.caused_by = event_id;
  append.event.occurred_at = 1'767'225'600'000'000;
  append.content = ContentDigest(append.event);
  return {append};
}

// An event of our own that expects its stream to stand at a version.
inline Append DomainAppend(const std::string& aggregate_id, std::int64_t expected_version) {
  Append append;
  append.event.id = NewUuidV7(1'767'225'600'000'000);
  append.event.tenant = "default";
  append.event.aggregate_type = "prepaid_account";
  append.event.aggregate_id = aggregate_id;
  append.event.event_type = "MoneyDeposited";
  append.event.source = Source::kApi;
  append.event.payload = "{}";
  append.event.occurred_at = 1'767'225'600'000'000;
  append.content = ContentDigest(append.event);
  append.expected_version = expected_version;
  return append;
}

constexpr UnixMicros kNow = 1'767'225'600'123'456;

inline AppendOutcome AppendOne(EventStore& store, const AppendRequest& request) {
  return store.AppendBatch({&request}, kNow).front();
}

}  // namespace billhook::test
