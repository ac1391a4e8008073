// How a subcommand says that it failed.
#pragma once

#include <cstdio>
#include <string>

namespace billhook::cli {

// Prints the line to standard error; answers the exit status 1.
inline int Fail(const std::string& what) {
  std::fprintf(stderr, "billhook: %s\n", what.c_str());
  return 1;
}

}  // namespace billhook::cli
