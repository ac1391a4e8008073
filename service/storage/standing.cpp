#include "service/storage/standing.h"

#include "domain/check.h"
#include "domain/event_store.h"

namespace billhook::storage {
namespace {

// With `claim` behind it.
std::map<std::string, Standing> Read(Session& session, const std::vector<std::string>& names,
                                     const std::string& claim) {
  PairList wanted;
  wanted.reserve(names.size());
  for (const std::string& name : names) wanted.emplace_back(name, "");
  const Rows rows = session.Query(
      "SELECT p.name, p.version, p.live_generation, l.position, h.position, p.rebuild_generation, "
      "coalesce(p.rebuild_version, 0), (SELECT count(*) FROM checkpoints c WHERE c.projection = p.name AND "
      "c.generation <> p.live_generation AND c.generation <> coalesce(p.rebuild_generation, 0)), "
      "p.last_error, " +
          session.ServerSql() +
          " FROM PAIRS($1) JOIN projections p ON p.name = a "
          "JOIN checkpoints l ON l.projection = p.name AND l.generation = p.live_generation "
          "CROSS JOIN log_head h" +
          claim,
      {wanted});
  std::map<std::string, Standing> standings;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Standing& standing = standings[rows.Text(i, 0)];
    standing.version = static_cast<int>(rows.Int(i, 1));
    standing.live = rows.Int(i, 2);
    standing.live_position = rows.Int(i, 3);
    standing.head = rows.Int(i, 4);
    if (!rows.IsNull(i, 5)) standing.rebuild = rows.Int(i, 5);
    standing.rebuild_version = static_cast<int>(rows.Int(i, 6));
    standing.left_over = rows.Int(i, 7) > 0;
    standing.failed = !rows.IsNull(i, 8);
    standing.server = rows.Text(i, 9);
  }
  return standings;
}

}  // namespace

std::map<std::string, Standing> ClaimStandings(Session& session, const std::vector<std::string>& names) {
  return Read(session, names, session.Claiming("l", Claim::kPassBy));
}

std::map<std::string, Standing> StandingsOf(Session& session, const std::vector<std::string>& names) {
  std::map<std::string, Standing> standings = Read(session, names, "");
  BILLHOOK_CHECK(standings.size() == names.size());  // Register made them
  return standings;
}

Standing StandingOf(Session& session, const std::string& name) {
  return StandingsOf(session, {name}).at(name);
}

Standing HoldProjection(Session& session, const std::string& name) {
  session.Execute("UPDATE projections SET next_generation = next_generation WHERE name = $1", {name});
  return StandingOf(session, name);
}

Standing HoldLive(Session& session, const std::string& name) {
  const std::map<std::string, Standing> held = Read(session, {name}, session.Claiming("l", Claim::kWait));
  const Standing standing = StandingOf(session, name);
  if (held.empty() || held.at(name).live != standing.live)
    throw StorageError("a rebuild of the projection " + name + " has just ended", true);
  return standing;
}

}  // namespace billhook::storage
