// GET /api/v1/invoices over a real socket on both engines.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

class HttpInvoices : public OnEachEngine {};

TEST_P(HttpInvoices, AreShownInTheirNewestStateFilteredAndPaged) {
  RunningService service(Environment{{"DATABASE_URL", database().url()}});
  int posted = 0;
  const auto post = [&](const Json& invoice, const std::string& type, bool livemode = true,
                        const std::string& account = "") {
    const StripeEvent event = {.id = "evt_" + std::to_string(++posted),
                               .type = "invoice." + type,
                               .object = invoice,
                               .created_s = kNoon + posted,
                               .livemode = livemode,
                               .account = account};
    ASSERT_EQ(service.PostWebhook(BodyOf(event)).status, 200);
  };
  const auto get = [&](const std::string& path) {
    return service.Get("/api/v1/invoices" + path + (path.find('?') == std::string::npos ? "?" : "&") +
                       "wait_ms=20000&min_position=" + std::to_string(posted));
  };
  const auto ids = [&](const std::string& query) {
    std::string joined;
    const Json page = get(query).Json();
    for (const Json& row : page["data"]) joined += row["id"].get<std::string>() + " ";
    return joined;
  };
  post(With(Invoice("in_1", "open"), {{"subscription", "sub_1"}}), "finalized");
  post(With(Invoice("in_1", "paid"), {{"subscription", "sub_1"}}), "paid");
  post(With(Invoice("in_2", "open"), {{"customer", "cus_2"}}), "finalized");
  post(Invoice("in_3", "draft"), "deleted", false);
  post(Invoice("in_3", "draft"), "created", true, "acct_1");
  const Answer paid = get("/in_1");
  ASSERT_EQ(paid.status, 200) << paid.body;
  EXPECT_EQ(paid.Json()["status"], "paid");
  EXPECT_EQ(paid.Json()["amount_remaining"], 0);
  EXPECT_EQ(paid.Json()["updated_by"], "evt_2");
  EXPECT_EQ(paid.Header("X-Projection-Position"), "5");
  EXPECT_EQ(ids(""), "in_1 in_2 in_3 in_3 ");
  EXPECT_EQ(ids("?status=open"), "in_2 ");
  EXPECT_EQ(ids("?customer=cus_1&status=paid"), "in_1 ");
  EXPECT_EQ(ids("?subscription=sub_1"), "in_1 ");
  EXPECT_EQ(ids("?livemode=false"), "in_3 ");
  EXPECT_EQ(ids("?account=acct_1"), "in_3 ");
  EXPECT_EQ(get("/in_3").Code(), "invoice_ambiguous");
  EXPECT_EQ(get("/in_3?livemode=false").Json()["deleted"], true);
  EXPECT_EQ(get("/in_3?account=acct_1").Json()["deleted"], false);
  EXPECT_EQ(get("/in_9").status, 404);
  EXPECT_EQ(get("?price=x").status, 422);
  const Json page = get("?limit=3").Json();
  EXPECT_EQ(page["has_more"], true);
  EXPECT_EQ(ids("?limit=3&cursor=" + page["next_cursor"].get<std::string>()), "in_3 ");
  EXPECT_EQ(service.Get("/api/v1/projections/invoices/state?key=in_2").Json()["value"]["customer"], "cus_2");
}

INSTANTIATE_TEST_SUITE_P(Engines, HttpInvoices, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         &EngineName);

}  // namespace
}  // namespace billhook::test
