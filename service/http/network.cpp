#include "service/http/network.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace billhook::http {
namespace {

constexpr Address kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;

bool IsMapped(const Address& address) {
  return std::equal(kMapped.begin(), kMapped.begin() + kMappedBits / 8, address.begin());
}

}  // namespace

std::optional<Address> ReadAddress(const std::string& text) {
  Address address = kMapped;
  if (inet_pton(AF_INET, text.c_str(), address.data() + kMappedBits / 8) == 1) return address;
  if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

std::string TextOf(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IsMapped(address))
    return inet_ntop(AF_INET, address.data() + kMappedBits / 8, text.data(), text.size());
  return inet_ntop(AF_INET6, address.data(), text.data(), text.size());
}

bool Network::Has(const Address& other) const {
  if (prefix_bits < kMappedBits && IsMapped(other)) return false;  // a network of IPv6 has no IPv4 in it
  for (int bit = 0; bit < prefix_bits; bit += 8) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int mask = 0xff00 >> std::min(prefix_bits - bit, 8) & 0xff;
    if (((address[at] ^ other[at]) & mask) != 0) return false;
  }
  return true;
}

std::optional<Network> ReadNetwork(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string first = text.substr(0, slash);
  const std::optional<Address> address = ReadAddress(first);
  if (!address) return std::nullopt;
  if (slash == std::string::npos) return Network{*address};
  const int fixed_bits = first.find(':') == std::string::npos ? kMappedBits : 0;
  const char* const end = text.data() + text.size();
  int bits = 0;
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
  if (parsed.ec != std::errc() || parsed.ptr != end || bits < 1 || bits > 128 - fixed_bits)
    return std::nullopt;
  const Network network{*address, fixed_bits + bits};
  for (int bit = network.prefix_bits; bit < 128; ++bit) {
    if (((*address)[static_cast<std::size_t>(bit / 8)] & (0x80 >> bit % 8)) != 0) return std::nullopt;
  }
  return network;
}

std::string NetworkOf(const std::string& address) {
  std::optional<Address> network = ReadAddress(address);
  if (!network || IsMapped(*network)) return address;
  std::fill(network->begin() + 8, network->end(), static_cast<unsigned char>(0));
  return TextOf(*network) + "/64";
}

}  // namespace billhook::http
