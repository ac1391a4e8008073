// How much memory the documents of JSON bodies may take together.
#include "service/http/document_space.h"

#include <vector>

#include <gtest/gtest.h>

#include "service/http/routes/writing.h"
#include "tests/support/bodies.h"

namespace billhook::http {
namespace {

const std::string kLarge = test::ManyMembers(80'000);
const std::string kSmall = R"({"branch":"what-if"})";

// Takes all that large documents may have.
std::vector<std::shared_ptr<DocumentSpace::Part>> Filled(DocumentSpace& space) {
  std::vector<std::shared_ptr<DocumentSpace::Part>> parts;
  while (std::shared_ptr<DocumentSpace::Part> part = space.Take(kLarge)) parts.push_back(std::move(part));
  return parts;
}

Result<Json, Response> Read(DocumentSpace& space, const std::string& body) {
  const std::string request_id = "1";
  Request request;
  request.body = body;
  AnswerSpace answers;
  Call call{request, request_id, {}, {}, *QueryParameters::Parse("", {}), answers, space};
  return ReadJsonObject(call);
}

TEST(DocumentSpace, CountsValuesRatherThanWhatStandsInTexts) {
  EXPECT_GT(MostBytesOfDocument("[{},{},{}]"), 3 * 100U);
  EXPECT_GT(MostBytesOfDocument(kLarge), 80'000 * 100U);
  EXPECT_LT(MostBytesOfDocument('"' + std::string(100'000, ',') + '"'), 3 * 100'000U);
  EXPECT_EQ(MostBytesOfDocument(R"(["\",,,,,"])"), MostBytesOfDocument(R"(["\"_____"])"));
}

TEST(DocumentSpace, HasRoomForSoManyLargeDocumentsAndForEachSmallOne) {
  DocumentSpace space;
  std::vector<std::shared_ptr<DocumentSpace::Part>> parts = Filled(space);
  EXPECT_GT(parts.size(), 5U);
  EXPECT_LE(parts.size() * MostBytesOfDocument(kLarge), DocumentSpace::kBytes);
  EXPECT_NE(space.Take(kSmall), nullptr);
  parts.pop_back();
  EXPECT_NE(space.Take(kLarge), nullptr) << "what one gave back another may have";
}

TEST(DocumentSpace, HasRoomForOneThatIsLargerThanAllOfIt) {
  DocumentSpace space;
  const std::string huge(DocumentSpace::kBytes / 64, ',');
  std::shared_ptr<DocumentSpace::Part> part = space.Take(huge);
  EXPECT_NE(part, nullptr);
  EXPECT_EQ(space.Take(kLarge), nullptr);
  part.reset();
  EXPECT_NE(space.Take(kLarge), nullptr);
}

TEST(JsonBodies, AreAnswered503WhileTheDocumentsOfOthersLeaveNoRoom) {
  DocumentSpace space;
  EXPECT_TRUE(Read(space, kLarge));
  std::vector<std::shared_ptr<DocumentSpace::Part>> parts = Filled(space);
  const Result<Json, Response> refused = Read(space, kLarge);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_NE(refused.error().body.find(R"("code":"overloaded")"), std::string::npos);
  EXPECT_TRUE(Read(space, kSmall));
  parts.clear();
  EXPECT_TRUE(Read(space, kLarge));
}

}  // namespace
}  // namespace billhook::http
