// A few Stripe event bodies for tests that only need some.
#pragma once

#include <string>

namespace billhook::test {

inline std::string CustomerEvent(const std::string& event_id, const std::string& customer = "cus_1") {
  return R"({"id":")" + event_id +
         R"(","object":"event","type":"customer.updated","created":1767225600,"livemode":true,)" +
         R"("data":{"object":{"id":")" + customer + R"(","object":"customer"}}})";
}

inline std::string SubscriptionEvent(const std::string& event_id, const std::string& subscription,
                                     const std::string& status,
                                     const std::string& envelope = R"("livemode":true)") {
  return R"({"id":")" + event_id +
         R"(","object":"event","type":"customer.subscription.updated","created":1767225600,)" + envelope +
         R"(,"data":{"object":{"id":")" + subscription + R"(","object":"subscription","status":")" + status +
         R"(","customer":"cus_1","items":{"object":"list","data":[{"id":"si_1","quantity":2,"price":{"id":"price_1",)" +
         R"("currency":"usd","unit_amount":1500,"recurring":{"interval":"month","interval_count":1}}}]}}}})";
}

inline std::string ChargeEvent(const std::string& event_id, const std::string& charge,
                               const std::string& amount, const std::string& currency = "usd") {
  return R"({"id":")" + event_id +
         R"(","object":"event","type":"charge.succeeded","created":1767225600,"livemode":true,)" +
         R"("data":{"object":{"id":")" + charge +
         R"(","object":"charge","status":"succeeded","captured":true,"paid":true,)" +
         R"("customer":"cus_1","created":1767225599,"amount":)" + amount + R"(,"amount_captured":)" + amount +
         R"(,"amount_refunded":0,"currency":")" + currency + R"("}}})";
}

// {"key_0":0,"key_1":0, ...}, of which a reader of JSON bodies knows none.
inline std::string ManyMembers(int count) {
  std::string object;
  for (int i = 0; i < count; ++i)
    object.append(i == 0 ? "{" : ",").append("\"key_" + std::to_string(i) + "\":0");
  return object + "}";
}

}  // namespace billhook::test
