#include "domain/event.h"

#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

Event Sample() {
  Event event;
  event.id = "00000000-0000-7000-8000-000000000001";
  event.tenant = "default";
  event.aggregate_type = "charge";
  event.aggregate_id = "ch_1";
  event.event_type = "charge.succeeded";
  event.source = Source::kStripe;
  event.payload = "{\"id\":\"evt_1\"}";
  event.caused_by = "evt_1";
  event.occurred_at = 1'767'268'800'000'000;
  return event;
}

TEST(ContentDigest, ChangesWithEveryField) {
  const std::vector<std::function<void(Event&)>> changes = {
      [](Event& event) { event.id.back() = '2'; },
      [](Event& event) { event.tenant = "other"; },
      [](Event& event) { event.aggregate_type = "refund"; },
      [](Event& event) { event.aggregate_id = "ch_2"; },
      [](Event& event) { event.event_type = "charge.failed"; },
      [](Event& event) { event.source = Source::kApi; },
      [](Event& event) { event.source = Source::kCommand; },
      [](Event& event) { event.source = Source::kSaga; },
      [](Event& event) { event.schema_version = 2; },
      [](Event& event) { event.payload += " "; },
      [](Event& event) { event.metadata = "{ }"; },
      [](Event& event) { event.caused_by = "evt_2"; },
      [](Event& event) { event.caused_by = ""; },
      [](Event& event) { event.caused_by = std::nullopt; },
      [](Event& event) { event.occurred_at += 1; },
      [](Event& event) { event.occurred_at = -event.occurred_at; },
  };
  std::vector<Digest> digests = {ContentDigest(Sample())};
  for (const auto& change : changes) {
    Event event = Sample();
    change(event);
    digests.push_back(ContentDigest(event));
  }
  for (std::size_t i = 0; i < digests.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(digests[i], digests[j]) << "changes " << i << " and " << j;
  }
}

TEST(ContentDigest, IsTheSameForTheSameEvent) {
  EXPECT_EQ(ContentDigest(Sample()), ContentDigest(Sample()));
}

// Few short texts of few characters (the length prefix's zero bytes among them), so that splits of one
// concatenation at different places are common.
Event GenEvent() {
  const auto text = [] {
    return *rc::gen::resize(4, rc::gen::container<std::string>(rc::gen::element('a', '\0', '\1')));
  };
  Event event;
  event.id = text();
  event.tenant = text();
  event.aggregate_type = text();
  event.aggregate_id = text();
  event.event_type = text();
  event.metadata = text();
  event.payload = text();
  if (*rc::gen::arbitrary<bool>()) event.caused_by = text();
  return event;
}

std::vector<std::string> TextsOf(const Event& event) {
  return {event.id,         event.tenant,   event.aggregate_type,          event.aggregate_id,
          event.event_type, event.metadata, event.caused_by.value_or("-"), event.payload};
}

RC_GTEST_PROP(ContentDigest, IsEqualOnlyForEqualFields, ()) {
  const Event a = GenEvent();
  const Event b = GenEvent();
  RC_ASSERT((ContentDigest(a) == ContentDigest(b)) == (TextsOf(a) == TextsOf(b)));
}

TEST(ContentDigest, TellsWhereAFieldEndsAndTheNextBegins) {
  const std::vector<std::string Event::*> fields = {
      &Event::id,         &Event::tenant,   &Event::aggregate_type, &Event::aggregate_id,
      &Event::event_type, &Event::metadata, &Event::payload};
  for (auto from : fields) {
    for (auto to : fields) {
      if (from == to) continue;
      Event event = Sample();
      event.*to = event.*to + event.*from;
      event.*from = "";
      Event half = event;
      half.*from = (event.*to).substr((event.*to).size() - 1);
      half.*to = (event.*to).substr(0, (event.*to).size() - 1);
      EXPECT_NE(ContentDigest(event), ContentDigest(half));
      EXPECT_NE(ContentDigest(event), ContentDigest(Sample()));
    }
  }
}

TEST(ChainDigest, ChangesWithEverythingItCovers) {
  RecordedEvent recorded{Sample(), 7, 3, 1'767'268'800'123'456, {}};
  const Digest previous = Sha256({"the one before"});
  const Digest digest = ChainDigest(previous, recorded);
  EXPECT_EQ(digest, ChainDigest(previous, ContentDigest(recorded.event), 7, 3, 1'767'268'800'123'456));
  EXPECT_NE(digest, ChainDigest(kGenesis, recorded));
  const std::vector<std::function<void(RecordedEvent&)>> changes = {
      [](RecordedEvent& event) { ++event.position; },
      [](RecordedEvent& event) { ++event.version; },
      [](RecordedEvent& event) { ++event.recorded_at; },
      [](RecordedEvent& event) { std::swap(event.position, event.version); },
      [](RecordedEvent& event) { event.event.payload[0] = '['; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    RecordedEvent changed = recorded;
    changes[i](changed);
    EXPECT_NE(digest, ChainDigest(previous, changed)) << "change " << i;
  }
}

TEST(Source, IsReadBackByItsName) {
  for (Source source : {Source::kStripe, Source::kCommand, Source::kSaga, Source::kApi}) {
    EXPECT_EQ(SourceNamed(NameOf(source)), source);
  }
  EXPECT_FALSE(SourceNamed("Stripe").has_value());
  EXPECT_FALSE(SourceNamed("").has_value());
}

}  // namespace
}  // namespace billhook
