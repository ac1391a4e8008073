#include "domain/stripe/customer.h"

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::With;

const Json kCustomer = {{"object", "customer"},
                        {"id", "cus_1"},
                        {"name", "Ada"},
                        {"email", "ada@example.com"},
                        {"phone", "+49421"},
                        {"address", {{"city", "Bremen"}}},
                        {"description", "a shop"},
                        {"currency", "EUR"},
                        {"delinquent", true},
                        {"created", test::kNoon},
                        {"metadata", {{"a", "1"}}},
                        {"livemode", true}};

TEST(Customer, IsDecodedFromTheNewestShape) {
  const Result<Customer, std::string> decoded = DecodeCustomer(kCustomer);
  ASSERT_TRUE(decoded.has_value()) << decoded.error();
  EXPECT_EQ(decoded->id, "cus_1");
  EXPECT_EQ(decoded->name, "Ada");
  EXPECT_EQ(decoded->email, "ada@example.com");
  EXPECT_EQ(decoded->phone, "+49421");
  EXPECT_EQ(decoded->address, (Json{{"city", "Bremen"}}));
  EXPECT_EQ(decoded->description, "a shop");
  EXPECT_EQ(decoded->currency, "eur");
  EXPECT_TRUE(decoded->delinquent);
  EXPECT_FALSE(decoded->deleted);
  EXPECT_EQ(decoded->created_s, test::kNoon);
  EXPECT_EQ(decoded->metadata, (Json{{"a", "1"}}));
}

TEST(Customer, StandsWithNoMoreThanAnId) {
  for (const Json& object :
       {Json{{"id", "cus_1"}},
        Json{{"id", "cus_1"}, {"address", nullptr}, {"metadata", nullptr}, {"delinquent", nullptr}}}) {
    const Result<Customer, std::string> decoded = DecodeCustomer(object);
    ASSERT_TRUE(decoded.has_value()) << decoded.error();
    EXPECT_EQ(decoded->address, nullptr);
    EXPECT_EQ(decoded->metadata, Json::object());
    EXPECT_FALSE(decoded->name || decoded->email || decoded->currency || decoded->created_s);
    EXPECT_FALSE(decoded->delinquent);
  }
}

TEST(Customer, SaysItselfThatItWasDeleted) {
  const auto decoded = DecodeCustomer({{"id", "cus_1"}, {"object", "customer"}, {"deleted", true}});
  ASSERT_TRUE(decoded.has_value());
  EXPECT_TRUE(decoded->deleted);
}

TEST(Customer, IsRefusedWithMembersOfTheWrongType) {
  for (const Json& change :
       {Json{{"id", nullptr}}, Json{{"id", ""}}, Json{{"id", 7}}, Json{{"name", 7}}, Json{{"email", true}},
        Json{{"phone", 49}}, Json{{"address", "Bremen"}}, Json{{"address", Json::array()}},
        Json{{"description", Json::object()}}, Json{{"currency", 7}}, Json{{"currency", ""}},
        Json{{"delinquent", "false"}}, Json{{"deleted", 1}}, Json{{"created", "now"}}, Json{{"created", -1}},
        Json{{"metadata", Json::array()}}}) {
    const Result<Customer, std::string> decoded = DecodeCustomer(With(kCustomer, change));
    ASSERT_FALSE(decoded.has_value()) << change;
    EXPECT_TRUE(decoded.error().starts_with("customer.")) << decoded.error();
  }
  for (const Json& object : {Json(nullptr), Json::array(), Json("cus_1"), Json::object()})
    EXPECT_FALSE(DecodeCustomer(object).has_value()) << object;
}

}  // namespace
}  // namespace billhook::stripe
