// Whom we take for one caller by its address. Pure and thread safe.
#pragma once

#include <string>

namespace billhook::http {

// Whom an address stands for: itself, or for IPv6 its network of 64 bits, of which one host has all.
std::string NetworkOf(const std::string& address);

}  // namespace billhook::http
