#include "tests/support/fixtures.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "domain/check.h"
#include "domain/stripe/envelope.h"
#include "tests/support/paths.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCanonical = "canonical";

struct Folder {
  std::vector<Fixture> fixtures;
  std::vector<std::pair<std::string, Json>> canonical_values;
};

Folder ReadFolder() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(SourceDirectory() + "/tests/fixtures")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  Folder folder;
  for (const fs::path& path : paths) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    const std::string fact = path.parent_path().filename().string();
    Json document = ParseJson(text.str()).value();
    if (path.stem() == kCanonical) {
      folder.canonical_values.emplace_back(fact, std::move(document));
    } else {
      folder.fixtures.push_back({fact, path.stem().string(), text.str(), std::move(document)});
    }
  }
  return folder;
}

const Folder& TheFolder() {
  static const Folder kFolder = ReadFolder();
  return kFolder;
}

}  // namespace

Json Fixture::object() const {
  return event.contains("data") ? event.at("data").at("object") : Json::object();
}

const std::vector<Fixture>& AllFixtures() {
  return TheFolder().fixtures;
}

const std::vector<std::pair<std::string, Json>>& CanonicalValues() {
  return TheFolder().canonical_values;
}

RecordedEvent Recorded(const Fixture& fixture, std::int64_t position) {
  const Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(fixture.body);
  BILLHOOK_CHECK(envelope.has_value());
  RecordedEvent recorded;
  recorded.event.id = "00000000-0000-7000-8000-000000000000";
  recorded.event.tenant = "default";
  recorded.event.aggregate_type = envelope->aggregate_type;
  recorded.event.aggregate_id = envelope->aggregate_id;
  recorded.event.event_type = envelope->type;
  recorded.event.source = Source::kStripe;
  recorded.event.payload = fixture.body;
  recorded.event.caused_by = envelope->id;
  recorded.event.occurred_at = envelope->occurred_at;
  recorded.position = position;
  recorded.version = 1;
  return recorded;
}

}  // namespace billhook::test
