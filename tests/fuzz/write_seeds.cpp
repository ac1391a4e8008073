// Writes the seed corpora: DIRECTORY/TARGET/NUMBER, made from the project's own fixtures, so that no corpus
// lies in the repository. Usage: write_seeds DIRECTORY
#include <filesystem>
#include <fstream>
#include <iostream>

#include "domain/stripe/signature.h"
#include "service/config.h"
#include "service/transfer/event_line.h"
#include "tests/support/fixtures.h"

using namespace billhook;  // NOLINT

namespace {

using Seeds = std::vector<std::string>;

Seeds Bodies() {
  Seeds bodies = {
      R"({"id":"evt_1","type":"a","created":1,"data":{"object":{"object":"\ud83d\ude00","id":"\ud802"}}})",
      R"({"id":"evt_1","type":"a","created":1,"a":[1e999,-0,123456789012345678901,"\u0000"],"a":{}})"};
  for (const test::Fixture& fixture : test::AllFixtures()) bodies.push_back(fixture.body);
  return bodies;
}

Seeds Headers() {
  const std::string digest(64, 'a');
  Seeds headers;
  for (const std::string& header :
       {"t=1767268800,v1=" + digest, "t=1,v1=x,v0=y,v1=" + digest, std::string("t=,v1="),
        "v1=" + digest + ",t=99999999999", std::string("t=1,t=1"), std::string("t= 1,v1=a")})
    headers.push_back(header + "\n{\"id\":\"evt_1\"}");
  headers.push_back(stripe::SignatureHeader("whsec_other", 1'767'268'800, "body") + "\nbody");
  return headers;
}

// The choices of a target that reads its input as such: any bytes will do, here a few for each value of the
// first.
Seeds Choices() {
  Seeds choices;
  for (int first = 0; first < 256; ++first) {
    std::string bytes;
    for (int i = 0; i < 48; ++i) bytes += static_cast<char>(first + i * (first % 7 + 1) * 37);
    choices.push_back(bytes);
  }
  return choices;
}

Seeds Commands() {
  return {
      R"(CreateAccount {"account_id":"a","owner":"jo","initial_balance":5,"currency":"EUR"}
DepositMoney {"account_id":"a","amount":9223372036854775807}
WithdrawMoney {"account_id":"a","amount":5}
CloseAccount {"account_id":"a"})",
      R"(RecordManualPayment {"payment_id":"p","amount":100,"currency":"usd","customer":"c","reference":"r",)"
      R"("occurred_at":"2026-01-02T03:04:05.678Z","livemode":false})"
      "\n"
      R"(AdjustLedger {"adjustment_id":"p","amount":-100,"currency":"USD","reason":"r","customer":"c"})",
      R"(RebuildProjection {"projection":"customers"}
RetryDeadLetter {"dead_letter_id":"customers:evt_1"}
TakeSnapshot {"aggregate_id":"a","aggregate_type":"prepaid_account"})"};
}

Seeds Environments() {
  std::string defaults = "STRIPE_WEBHOOK_SECRET=whsec_xyzzy\n";
  for (const Variable& variable : Variables()) {
    if (variable.default_value != nullptr)
      defaults += std::string(variable.name) + "=" + variable.default_value + "\n";
  }
  return {defaults,
          defaults +
              "STRIPE_WEBHOOK_SECRET__EU=whsec_a,whsec_b\nAPI_KEYS=shop:reader:xyzzy,ops:admin:"
              "xyzzy2:eu\nHOST=0.0.0.0\nSTRIPE_API_KEY=rk_live_xyzzy\nTRUSTED_PROXIES=10.0.0.0/"
              "8,::1\nCORS_ORIGINS=https://a.example,"
              "http://[::1]:3000\n",
          defaults + "DATABASE_URL=postgresql://user:xyzzy@h1:1,h2/db?sslmode=require\nHOST=[::1]\n",
          "API_KEYS=xyzzy:shop:reader,a:b,shop:xyzzy:admin\nPORT=99999\nLOG_LEVEL=loud\nAUTO_MIGRATE="
          "yes\nSTRIPE_API_BASE=http://[::1]:1/\nSTRIPE_API_KEY=xyzzy\n"};
}

Seeds Lines() {
  Seeds lines;
  for (const test::Fixture& fixture : test::AllFixtures()) {
    RecordedEvent recorded = test::Recorded(fixture, static_cast<std::int64_t>(lines.size()) + 1);
    recorded.recorded_at = 1'767'268'800'123'456;
    recorded.checksum = ChainDigest(kGenesis, recorded);
    if (lines.size() % 3 == 0) {
      recorded.event.source = Source::kApi;
      recorded.event.caused_by.reset();
      recorded.event.metadata = R"({"a":[1,"b"]})";
    }
    lines.push_back(transfer::EventLine(recorded));
  }
  return lines;
}

Seeds Streams() {
  Seeds streams;
  for (const std::string stream :
       {"GET /api/v1/events?cursor=5b226122&limit=3&as_of=2026-01-31T00:00:00Z HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /webhooks/stripe HTTP/1.1\r\nHost: h:80\r\nContent-Length: 5\r\nExpect: "
        "100-continue\r\n\r\nhelloGET / "
        "HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:\r\nConnection: close, keep-alive\r\n\r\n",
        "\r\n\r\nGET http://h/%41?a HTTP/1.1\n\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"})
    streams.push_back("\x07\x03" + stream);
  return streams;
}

void Write(const std::filesystem::path& directory, const Seeds& seeds) {
  std::filesystem::create_directories(directory);
  for (std::size_t i = 0; i < seeds.size(); ++i)
    std::ofstream(directory / std::to_string(i), std::ios::binary) << seeds[i];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_seeds DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  Write(directory / "signature_fuzz", Headers());
  Write(directory / "envelope_fuzz", Bodies());
  Write(directory / "upcast_fuzz", Choices());
  Write(directory / "folding_fuzz", Choices());
  Write(directory / "own_events_fuzz", Choices());
  Write(directory / "command_fuzz", Commands());
  Write(directory / "config_fuzz", Environments());
  Write(directory / "import_fuzz", Lines());
  Write(directory / "framing_fuzz", Streams());
}
