// Check: the always-on assertion for what must hold unless billhook itself has a bug. It prints where and
// what, then aborts; it is never used on input. Thread safe.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace billhook {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
  std::abort();
}

}  // namespace billhook

#define BILLHOOK_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::billhook::CheckFailed(__FILE__, __LINE__, #condition))
