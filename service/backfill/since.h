// The time from which on a backfill is asked for. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "domain/result.h"

namespace billhook::backfill {

// RFC 3339 ("2026-01-02T03:04:05Z"), Unix seconds ("1767323045") or days before now ("30d"), as Unix seconds;
// or what is wrong with it.
Result<std::int64_t, std::string> ParseSince(std::string_view text, std::int64_t now_s);

}  // namespace billhook::backfill
