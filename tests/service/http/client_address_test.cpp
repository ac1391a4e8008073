// TRUSTED_PROXIES: who asked, where known proxies stand in front.
#include "service/http/client_address.h"

#include <gtest/gtest.h>

namespace billhook::http {
namespace {

// 10.0.0.0/8, one of IPv6 and a network of it.
const Proxies kOurs = {*ReadNetwork("10.0.0.0/8"), *ReadNetwork("2001:db8::1"), *ReadNetwork("fd00::/8")};

Request From(const std::string& peer, const std::vector<std::string>& forwarded_for = {}) {
  Request request;
  request.remote_address = peer;
  for (const std::string& value : forwarded_for) {
    request.headers.emplace_back("x-forwarded-for", value);
    request.headers.emplace_back("X-Real-IP", "198.51.100.99");
  }
  return request;
}

std::string ClientOf(const std::string& peer, const std::vector<std::string>& forwarded_for) {
  return ClientAddressOf(From(peer, forwarded_for), kOurs);
}

TEST(ClientAddress, IsThePeersWhereItIsNoProxyOfOurs) {
  EXPECT_EQ(ClientOf("203.0.113.7", {"198.51.100.1"}), "203.0.113.7") << "anybody may write the header";
  EXPECT_EQ(ClientOf("2001:db8::2", {"198.51.100.1"}), "2001:db8::2");
  EXPECT_EQ(ClientAddressOf(From("127.0.0.1", {"198.51.100.1"}), {}), "127.0.0.1") << "nobody is, by default";
  EXPECT_EQ(ClientOf("", {"198.51.100.1"}), "");
}

TEST(ClientAddress, IsTheLastThatIsNoProxyOfOurs) {
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("2001:db8::1", {"198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("fd12::7", {"2001:db8::9"}), "2001:db8::9");
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1, 10.9.9.9, fd00::2"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1 ,\t10.9.9.9"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1", "10.9.9.9"}), "198.51.100.1") << "two headers are one list";
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1", "198.51.100.2"}), "198.51.100.2");
}

TEST(ClientAddress, IsNotWhatTheCallerWritesToTheLeft) {
  for (const char* left :
       {"127.0.0.1", "10.0.0.1", "203.0.113.9", "unknown", "' or 1=1", "", ",,", "[", "::1"})
    EXPECT_EQ(ClientOf("10.1.2.3", {std::string(left) + ", 198.51.100.1"}), "198.51.100.1") << left;
  EXPECT_EQ(ClientOf("10.1.2.3", {"evil", "127.0.0.1, 198.51.100.1, 10.0.0.2"}), "198.51.100.1");
}

TEST(ClientAddress, IsReadWithBracketsAndPorts) {
  for (const char* hop : {"2001:db8::9", "[2001:db8::9]", "[2001:db8::9]:443", "2001:DB8:0:0::9"})
    EXPECT_EQ(ClientOf("10.1.2.3", {hop}), "2001:db8::9") << hop;
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1:65535"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("10.1.2.3", {"::ffff:198.51.100.1"}), "198.51.100.1") << "IPv4 in IPv6's clothes";
  EXPECT_EQ(ClientOf("10.1.2.3", {"198.51.100.1, ::ffff:10.0.0.9"}), "198.51.100.1");
  EXPECT_EQ(ClientOf("::ffff:10.1.2.3", {"198.51.100.1"}), "198.51.100.1");
  EXPECT_EQ(ClientAddressOf(From("fe80::1%eth0", {"198.51.100.1"}), {*ReadNetwork("fe80::1")}),
            "198.51.100.1");
}

TEST(ClientAddress, IsThePeersWhereTheHeaderSaysNothingThatCanBeRead) {
  for (const char* hop : {"",
                          " ",
                          ",",
                          "unknown",
                          "_hidden",
                          "localhost",
                          "198.51.100",
                          "198.51.100.1.1",
                          "198.51.100.256",
                          "198.51.100.01",
                          "198.51.100.1:",
                          "198.51.100.1:x",
                          "198.51.100.1:123456",
                          "198.51.100.1/32",
                          "198.51.100.1 x",
                          "[198.51.100.1]",
                          "[198.51.100.1]:80",
                          "[2001:db8::9",
                          "[2001:db8::9]x",
                          "[]",
                          "[]:1",
                          "2001:db8::9]",
                          "2001:db8::9%eth0",
                          "for=198.51.100.1",
                          "198.51.100.1;",
                          "\"198.51.100.1\"",
                          "198.51.100.1,",
                          "198.51.100.1, unknown",
                          "198.51.100.1,,10.0.0.2"})
    EXPECT_EQ(ClientOf("10.1.2.3", {hop}), "10.1.2.3") << hop;
  EXPECT_EQ(ClientOf("10.1.2.3", {}), "10.1.2.3");
  EXPECT_EQ(ClientOf("10.1.2.3", {"10.0.0.1, fd00::1"}), "10.1.2.3") << "proxies of ours alone";
  std::string long_list = "198.51.100.1";
  for (int i = 0; i < 3'000; ++i) long_list += ",10.0.0.1";
  EXPECT_EQ(ClientOf("10.1.2.3", {long_list}), "198.51.100.1");
}

TEST(Network, HasWhatBeginsAsItDoes) {
  const auto has = [](const char* network, const char* address) {
    return ReadNetwork(network)->Has(*ReadAddress(address));
  };
  EXPECT_TRUE(has("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(has("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(has("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(has("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(has("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(has("192.0.2.7/32", "192.0.2.6"));
  EXPECT_TRUE(has("192.0.2.6/31", "192.0.2.7"));
  EXPECT_TRUE(has("128.0.0.0/1", "255.0.0.1"));
  EXPECT_TRUE(has("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(has("::ffff:10.0.0.0/104", "10.0.0.1"));
  EXPECT_FALSE(has("10.0.0.0/8", "::10.0.0.1"));
  EXPECT_TRUE(has("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(has("2001:db8::/33", "2001:db8:8000::"));
  EXPECT_TRUE(has("::1", "::1"));
  EXPECT_FALSE(has("::/1", "192.0.2.7")) << "no network of IPv6 holds IPv4";
  EXPECT_TRUE(has("::ffff:192.0.2.0/120", "192.0.2.7"));
}

TEST(Network, IsAnAddressOrANetworkThatCanBeMeant) {
  for (const char* text :
       {"", "localhost", "10.0.0.0/", "10.0.0.0/0", "0.0.0.0/0", "::/0", "10.0.0.0/33", "::1/129",
        "10.0.0.1/8", "2001:db8::1/64", "10.0.0.0/-8", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8",
        "10.0.0/8", "[::1]", "10.0.0.0/255.0.0.0", "10.0.0.0/+8", "fe80::1%eth0"})
    EXPECT_FALSE(ReadNetwork(text)) << text;
}

TEST(Address, IsWrittenInItsShortestForm) {
  EXPECT_EQ(TextOf(*ReadAddress("2001:0db8:0:0:0:0:0:7")), "2001:db8::7");
  EXPECT_EQ(TextOf(*ReadAddress("::ffff:192.0.2.7")), "192.0.2.7");
  EXPECT_EQ(TextOf(*ReadAddress("192.0.2.7")), "192.0.2.7");
}

}  // namespace
}  // namespace billhook::http
