#include "service/http/request_id.h"

#include <gtest/gtest.h>

#include "tests/support/running_service.h"

namespace billhook::test {
namespace {

constexpr std::size_t kUuidLength = 36;

TEST(RequestId, IsTheCallersWhereItIsOne) {
  for (const char* id : {"a", "abc-1", "req_abc-123", "018f4e6a-7b1c-7c3d-9e2f-0123456789ab",
                         "01ARZ3NDEKTSV4RRFFQ69G5FAV", "1-5759e988-bd862e3fe1be46a994272793",
                         "Root=1-67891233-abcdef012345678912345678", "0af7651916cd43dd8448eb211c80319c",
                         "JKJaXmPLvHcESHA=", "a+b/c.d:e", "42", "123456789", "1700000000-abc"})
    EXPECT_TRUE(http::IsUsableRequestId(id)) << id;
  EXPECT_TRUE(http::IsUsableRequestId(std::string(128, 'a')));
}

TEST(RequestId, IsNothingThatMayBeSecretOrPersonal) {
  for (const char* id : {"",
                         "jenny@example.com",
                         "a b",
                         "a,b",
                         "a\tb",
                         "a\"b",
                         "a;b",
                         "<a>",
                         "a%40b",
                         "J\xc3\xb6rg",
                         "a\x7f",
                         "whsec_abc",
                         "sk_live_abc",
                         "rk_test_abc",
                         "id-sk_live_abc",
                         "retry:whsec_abc",
                         "4242424242424242",
                         "4242-4242-4242-4242",
                         "card-4242424242424242",
                         "5105105105105100/a",
                         "+49-151-2345678",
                         "123456789012",
                         "1234567890123456789"})
    EXPECT_FALSE(http::IsUsableRequestId(id)) << id;
  EXPECT_FALSE(http::IsUsableRequestId(std::string(129, 'a')));
  EXPECT_FALSE(http::IsUsableRequestId(std::string("a\0b", 3)));
}

TEST(RequestId, IsAFreshOneOtherwise) {
  RunningService service;
  const auto answered = [&](const http::Fields& headers) {
    return service.Get("/health/live", headers).Header("X-Request-Id");
  };
  EXPECT_EQ(answered({{"X-Request-Id", "abc-1"}}), "abc-1");
  EXPECT_EQ(answered({}).size(), kUuidLength);
  EXPECT_NE(answered({}), answered({}));
  EXPECT_EQ(answered({{"X-Request-Id", "jenny@example.com"}}).size(), kUuidLength);
  EXPECT_EQ(answered({{"X-Request-Id", "abc-1"}, {"X-Request-Id", "abc-2"}}).size(), kUuidLength);
}

}  // namespace
}  // namespace billhook::test
