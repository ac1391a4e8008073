// Addresses and networks of callers, and whom we take for one caller by its address. Pure and thread safe.
#pragma once

#include <array>
#include <optional>
#include <string>

namespace billhook::http {

// An IPv6 address in network order; one of IPv4 in its mapped form (::ffff:192.0.2.7), so that both compare.
using Address = std::array<unsigned char, 16>;

// "192.0.2.7" or "2001:db8::7"; no brackets, port, zone or name.
std::optional<Address> ReadAddress(const std::string& text);
// The shortest text, of a mapped address the IPv4 one.
std::string TextOf(const Address& address);

// All addresses that begin with the same bits.
struct Network {
  Address address{};
  int prefix_bits = 128;

  [[nodiscard]] bool Has(const Address& other) const;
};
// An address, or a network as "10.0.0.0/8" or "fd00::/8": without bits beyond the prefix, and not of
// everybody (prefix 0).
std::optional<Network> ReadNetwork(const std::string& text);

// Whom an address stands for: itself, or for IPv6 its network of 64 bits, of which one host has all.
std::string NetworkOf(const std::string& address);

}  // namespace billhook::http
