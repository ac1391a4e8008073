#include "service/http/trace_context.h"

#include <gtest/gtest.h>

namespace billhook::http {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = "b7ad6b7169203331";

std::optional<std::string> TraceIdFrom(const std::string& traceparent) {
  Request request;
  request.headers = {{"Traceparent", traceparent}};
  return TraceIdOf(request);
}

TEST(TraceContext, IsReadFromAValidHeader) {
  EXPECT_EQ(TraceIdFrom("00-" + kTrace + "-" + kParent + "-01"), kTrace);
  EXPECT_EQ(TraceIdFrom("00-" + kTrace + "-" + kParent + "-ff"), kTrace);
  EXPECT_EQ(TraceIdFrom("cc-" + kTrace + "-" + kParent + "-01-what-comes-later"), kTrace)
      << "a later version";
}

TEST(TraceContext, IgnoresAnythingElse) {
  EXPECT_EQ(TraceIdOf(Request()), std::nullopt);
  for (const std::string& invalid :
       {std::string(), std::string("00"), "00-" + kTrace + "-" + kParent,
        "00-" + kTrace + "-" + kParent + "-01-more", "00-" + kTrace + "-" + kParent + "-01 ",
        "ff-" + kTrace + "-" + kParent + "-01", "cc-" + kTrace + "-" + kParent + "-01.more",
        "00-" + std::string(32, '0') + "-" + kParent + "-01",
        "00-" + kTrace + "-" + std::string(16, '0') + "-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" + kParent + "-01", "00-" + kTrace + "x" + kParent + "-01",
        "00-" + std::string(32, 'g') + "-" + kParent + "-01", "0x-" + kTrace + "-" + kParent + "-01",
        "00-" + kTrace + "-" + kParent + "-zz"})
    EXPECT_EQ(TraceIdFrom(invalid), std::nullopt) << invalid;
  Request twice;
  twice.headers = {{"traceparent", "00-" + kTrace + "-" + kParent + "-01"},
                   {"traceparent", "00-" + kTrace + "-" + kParent + "-01"}};
  EXPECT_EQ(TraceIdOf(twice), std::nullopt);
}

}  // namespace
}  // namespace billhook::http
