// The webhook's table of answers, over a real socket.
#include <gtest/gtest.h>

#include "service/http/routes/routes.h"
#include "tests/support/bodies.h"
#include "tests/support/running_service.h"

namespace billhook::test {
namespace {

class Webhooks : public ::testing::Test {
 protected:
  std::int64_t Recorded() { return service_.Get("/api/v1/statistics").Json()["latest_position"]; }

  RunningService service_{{{"STRIPE_WEBHOOK_SECRET", "whsec_old,whsec_test"},
                           {"STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme"},
                           {"MAX_BODY_BYTES", "4096"}}};
};

TEST_F(Webhooks, AnswerARecordedEventWithItsPosition) {
  const Answer answer = service_.PostWebhook(CustomerEvent("evt_1"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"received":true,"duplicate":false,"event_id":"evt_1","position":1})");
  EXPECT_EQ(answer.Header("X-Position"), "1");
}

TEST_F(Webhooks, AnswerADuplicateWithThePositionOfTheFirst) {
  service_.PostWebhook(CustomerEvent("evt_1"));
  service_.PostWebhook(CustomerEvent("evt_2"));
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1")).body,
            R"({"received":true,"duplicate":true,"event_id":"evt_1","position":1})");
  EXPECT_EQ(Recorded(), 2);
}

TEST_F(Webhooks, TryEveryConfiguredSecret) {
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe", "whsec_old").status, 200);
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_2"), "/webhooks/stripe", "whsec_test").status, 200);
}

TEST_F(Webhooks, KeepTenantsApart) {
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe/acme", "whsec_acme").status, 200);
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe/acme", kSecret).Code(),
            "signature_mismatch");
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe", "whsec_acme").Code(),
            "signature_mismatch");
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1")).Json()["duplicate"], false)
      << "each tenant records it once";
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe/nobody").status, 404);
}

TEST_F(Webhooks, RefuseWhatIsNotSignedAndRecordNothing) {
  const std::string body = CustomerEvent("evt_1");
  const struct {
    http::Fields headers;
    const char* code;
  } cases[] = {
      {{}, "signature_missing"},
      {{{"Stripe-Signature", ""}}, "signature_missing"},
      {{{"Stripe-Signature", "nonsense"}}, "signature_malformed"},
      {{{"Stripe-Signature", "t=1"}}, "signature_malformed"},
      {{{"Stripe-Signature", service_.Signature(body, 0, "whsec_other")}}, "signature_mismatch"},
      {{{"Stripe-Signature", service_.Signature(body, 301)}}, "timestamp_out_of_tolerance"},
      {{{"Stripe-Signature", service_.Signature(body, -310)}}, "timestamp_out_of_tolerance"},
      {{{"Stripe-Signature", service_.Signature(body, 9999, "whsec_other")}}, "signature_mismatch"},
      {{{"Stripe-Signature", service_.Signature(body)}, {"Stripe-Signature", service_.Signature(body)}},
       "signature_malformed"},
  };
  for (const auto& [headers, code] : cases) {
    const Answer answer = service_.Post("/webhooks/stripe", body, headers);
    EXPECT_EQ(answer.status, 400) << code;
    EXPECT_EQ(answer.Code(), code);
  }
  EXPECT_EQ(
      service_.Post("/webhooks/stripe", body + "\n", {{"Stripe-Signature", service_.Signature(body)}}).Code(),
      "signature_mismatch");
  EXPECT_EQ(
      service_.Post("/webhooks/stripe", "{broken", {{"Stripe-Signature", service_.Signature(body)}}).Code(),
      "signature_mismatch")
      << "nothing is parsed before it is verified";
  EXPECT_EQ(Recorded(), 0);
}

TEST_F(Webhooks, RefuseAVerifiedBodyThatIsNoEvent) {
  for (const char* body :
       {"", "[]", "{}", "{broken", R"({"id":"evt_1"})", R"({"id":1,"type":"a","created":1})",
        R"({"id":"evt_1","type":"a","created":"1"})", R"({"id":"evt_1","type":"a","created":1.0})",
        R"({"id":"evt_1","id":"evt_1","type":"a","created":1})",
        "\xEF\xBB\xBF{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1}",
        "{\"id\":\"evt_\xff\",\"type\":\"a\",\"created\":1}"}) {
    const Answer answer = service_.PostWebhook(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.Code(), "payload_invalid") << body;
  }
  EXPECT_EQ(Recorded(), 0);
}

TEST_F(Webhooks, RecordWhatOnlyAProjectionCannotUseAndSetItAside) {
  const char* insides[] = {
      R"("data":{})",
      R"("data":{"object":{"object":"subscription","id":7}})",
      R"("data":{"object":{"object":"subscription","id":"sub_1","status":"active","status":"canceled"}})",
      R"("data":{"object":{"object":"subscription","id":"sub_1","status":"\u0000"}})",
      R"("data":{"object":{"object":"subscription","id":"sub_1","status":"\ud802"}})",
      R"("data":{"object":{"object":"subscription","id":"sub_1","status":"active","x":1e999}})"};
  int number = 0;
  for (const char* inside : insides) {
    const std::string body =
        R"({"id":"evt_)" + std::to_string(++number) +
        R"(","object":"event","type":"customer.subscription.updated","created":1767225600,)" + inside + "}";
    EXPECT_EQ(service_.PostWebhook(body).status, 200) << inside;
  }
  service_.PostWebhook(SubscriptionEvent("evt_good", "sub_1", "active"));
  const Answer found = service_.Get("/api/v1/subscriptions/sub_1?min_position=7&wait_ms=20000");
  EXPECT_EQ(found.Json()["status"], "active") << "the projection went on";
  EXPECT_EQ(service_.Get("/api/v1/projections/subscriptions").Json()["dead_letters"], number);
  const nlohmann::json letters = service_.Get("/api/v1/dead-letters?projection=subscriptions").Json()["data"];
  ASSERT_EQ(letters.size(), static_cast<std::size_t>(number));
  EXPECT_EQ(letters[0]["event_id"], "evt_1");
}

TEST_F(Webhooks, ReturnThePayloadAsTheVeryTextThatCame) {
  const std::string body =
      "{ \"id\" : \"evt_1\",\n\t\"object\":\"event\", \"type\": \"customer.updated\", \"created\":1767225600,"
      "\"livemode\":false, \"n\": 1.50e+2, \"u\": \"\\u00e9\xc3\xa9\", "
      "\"data\":{\"object\":{\"b\":1,\"a\":2,\"b\":3}}}";
  ASSERT_EQ(service_.PostWebhook(body).status, 200);
  EXPECT_NE(service_.Get("/api/v1/events").body.find("\"payload\":" + body + ","), std::string::npos);
}

TEST_F(Webhooks, RefuseABodyOverTheLimitAnEncodedOneAndOtherMethods) {
  const std::string large(5000, ' ');
  EXPECT_EQ(service_.PostWebhook(large).Code(), "body_too_large");
  const std::string body = CustomerEvent("evt_1");
  EXPECT_EQ(service_
                .Post("/webhooks/stripe", body,
                      {{"Stripe-Signature", service_.Signature(body)}, {"Content-Encoding", "gzip"}})
                .status,
            415);
  const Answer get = service_.Get("/webhooks/stripe");
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(get.Header("Allow"), "POST");
  EXPECT_EQ(Recorded(), 0);
}

TEST_F(Webhooks, RecordAnEventWhateverQueryStandsBehindTheAddress) {
  EXPECT_EQ(service_.PostWebhook(CustomerEvent("evt_1"), "/webhooks/stripe?source=dashboard").status, 200);
}

TEST_F(Webhooks, TakeTheIdentityEncodingForNone) {
  const std::string body = CustomerEvent("evt_1");
  const auto status = [&](const char* encoding) {
    return service_
        .Post("/webhooks/stripe", body,
              {{"Stripe-Signature", service_.Signature(body)}, {"Content-Encoding", encoding}})
        .status;
  };
  EXPECT_EQ(status("Identity"), 200);
  EXPECT_EQ(status("identity, gzip"), 415);
}

TEST_F(Webhooks, SetAsideWhatNoIndexWouldTake) {
  const std::string body = SubscriptionEvent("evt_1", "sub_1", std::string(3000, 's'));
  EXPECT_EQ(service_.PostWebhook(body).status, 200);
  const Answer letters =
      service_.Get("/api/v1/dead-letters?projection=subscriptions&min_position=1&wait_ms=20000");
  EXPECT_EQ(letters.Json()["data"].size(), 1U);
}

TEST_F(Webhooks, TakeASignatureAsOldAsConfigured) {
  RunningService patient(Environment{{"STRIPE_WEBHOOK_TOLERANCE", "100000"}});
  const std::string body = CustomerEvent("evt_1");
  EXPECT_EQ(
      patient.Post("/webhooks/stripe", body, {{"Stripe-Signature", patient.Signature(body, 90'000)}}).status,
      200);
}

TEST(RefusedWebhooks, AreCountedAlsoWhereTheyAreRefusedBeforeAnyoneReadsThem) {
  RunningService service(Environment{{"MAX_BODY_BYTES", "4096"}});
  EXPECT_EQ(service.PostWebhook(std::string(5'000, ' ')).status, 413);
  EXPECT_EQ(service.PostWebhook(std::string(5'000, ' '), "/webhooks/stripe/acme").status, 413);
  EXPECT_EQ(service.Post("/webhooks/stripes", std::string(5'000, ' ')).status, 413);
  const std::string metrics = service.Get("/metrics").body;
  EXPECT_NE(metrics.find("billhook_webhooks_total{outcome=\"rejected\"} 2\n"), std::string::npos);
}

TEST(Urgency, PutsWebhooksAndReadinessBeforeReaders) {
  const auto urgency_of = [](const char* path) {
    http::Request request;
    request.path = path;
    return http::UrgencyOf(request);
  };
  using Urgency = http::Server::Urgency;
  EXPECT_EQ(urgency_of("/webhooks/stripe"), Urgency::kForemost);
  EXPECT_EQ(urgency_of("/webhooks/stripe/acme"), Urgency::kForemost);
  EXPECT_EQ(urgency_of("/health/ready"), Urgency::kForemost);
  EXPECT_EQ(urgency_of("/health/live"), Urgency::kAtOnce);
  for (const char* path : {"/webhooks/stripes", "/health", "/metrics", "/api/v1/events"})
    EXPECT_EQ(urgency_of(path), Urgency::kUsual) << path;
}

}  // namespace
}  // namespace billhook::test
