#include "service/commands/schema.h"

#include <map>

#include <gtest/gtest.h>

namespace billhook {
namespace {

std::map<std::string, std::string> FaultsOf(const Json& value) {
  static const Schema kSchema(R"({
    "type": "object",
    "required": ["amount"],
    "additionalProperties": false,
    "properties": {
      "amount": {"type": "integer", "minimum": 1},
      "change": {"type": "integer", "not": {"const": 0}},
      "currency": {"type": "string", "pattern": "^[A-Za-z]{3}$"},
      "name": {"type": "string", "minLength": 1, "maxLength": 64},
      "flag": {"type": "boolean"},
      "more": {"type": "object", "properties": {"a/b": {"type": "boolean"}}}
    }
  })");
  std::map<std::string, std::string> faults;
  for (const InputFault& fault : kSchema.Check(value, "/data"))
    EXPECT_TRUE(faults.emplace(fault.pointer, fault.detail).second) << fault.pointer << " is told twice";
  return faults;
}

TEST(CommandSchema, TellsInWordsWhatItWantsOfEachMember) {
  using Faults = std::map<std::string, std::string>;
  EXPECT_EQ(FaultsOf({{"amount", 1}, {"change", -1}, {"currency", "usd"}, {"name", "a"}, {"flag", true}}),
            Faults());
  EXPECT_EQ(FaultsOf({{"amount", 0},
                      {"change", 0},
                      {"currency", "dollars"},
                      {"name", ""},
                      {"flag", 1},
                      {"more", {{"a/b", 2}}}}),
            (Faults{{"/data/amount", "Must be an integer of at least 1."},
                    {"/data/change", "Must be an integer other than 0."},
                    {"/data/currency", "Must be a string that matches ^[A-Za-z]{3}$."},
                    {"/data/name", "Must be a string of 1 to 64 characters."},
                    {"/data/flag", "Must be true or false."},
                    {"/data/more/a~1b", "Must be true or false."}}));
  EXPECT_EQ(FaultsOf({{"amount", "1"}, {"more", 1}, {"surprise", 1}}),
            (Faults{{"/data/amount", "Must be an integer of at least 1."},
                    {"/data/more", "Must be an object."},
                    {"/data/surprise", "Is not known here."}}));
  EXPECT_EQ(FaultsOf(Json::object()), (Faults{{"/data/amount", "Is needed."}}));
  EXPECT_EQ(FaultsOf(Json::array()), (Faults{{"/data", "Must be an object."}}));
}

// A body of 1 MiB has room for so many. The work that each further one costs is what a hostile caller is
// after.
TEST(CommandSchema, StopsLookingWhereMoreFaultsAreThanAnybodyReads) {
  Json value = Json::object();
  for (int i = 0; i < 100'000; ++i) value["surprise " + std::to_string(i)] = 1;
  const std::map<std::string, std::string> faults = FaultsOf(value);
  EXPECT_EQ(faults.size(), kMaxInputFaults);
  EXPECT_EQ(faults.at("/data/amount"), "Is needed.");
  EXPECT_EQ(faults.at("/data/surprise 0"), "Is not known here.");
}

}  // namespace
}  // namespace billhook
