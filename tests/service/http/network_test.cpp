#include "service/http/network.h"

#include <gtest/gtest.h>

namespace billhook::http {
namespace {

TEST(Network, OfAnIpv6AddressIsItsHosts) {
  EXPECT_EQ(NetworkOf("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("2001:db8:0:1::7"), "2001:db8:0:1::/64");
  EXPECT_EQ(NetworkOf("2001:db8:0:1:ffff:ffff:ffff:ffff"), NetworkOf("2001:db8:0:1::"));
  EXPECT_EQ(NetworkOf("::ffff:192.0.2.7"), "::ffff:192.0.2.7");
  EXPECT_NE(NetworkOf("2001:db8:0:2::7"), NetworkOf("2001:db8:0:1::7"));
}

}  // namespace
}  // namespace billhook::http
