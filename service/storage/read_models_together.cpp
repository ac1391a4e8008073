// ReadModels' steps of several projections at once.
#include <algorithm>

#include "domain/event_store.h"
#include "service/storage/generation.h"
#include "service/storage/read_models.h"
#include "service/storage/standing.h"

namespace billhook::storage {
namespace {

// A projection that takes part.
struct Member {
  const Projection* projection = nullptr;
  Step* step = nullptr;
  Standing standing;
  std::vector<RecordedEvent> rest;  // what it has before it, where that is not all of the stretch
  storage::Advance advance;
  std::size_t events = 0;
};

// Those of the projections that this process may advance and that stand about where the foremost does.
std::vector<Member> MembersOf(Session& session, const std::vector<const Projection*>& projections,
                              std::size_t reach, std::vector<Step>& steps) {
  std::vector<std::string> names;
  for (const Projection* projection : projections) names.emplace_back(projection->name());
  std::map<std::string, Standing> claimed = ClaimStandings(session, names);
  std::map<std::string, Standing> others;
  std::erase_if(names, [&](const std::string& name) { return claimed.count(name) == 1; });
  if (!names.empty()) others = StandingsOf(session, names);

  std::vector<Member> members;
  std::int64_t front = 0;
  for (std::size_t i = 0; i < projections.size(); ++i) {
    const std::string name(projections[i]->name());
    const bool mine = claimed.count(name) == 1;
    const Standing& standing = mine ? claimed.at(name) : others.at(name);
    steps[i].position = standing.live_position;
    steps[i].apart = standing.NeedsMore(projections[i]->version());
    if (!mine) steps[i].outcome = Step::Outcome::kElsewhere;
    // Rows that another version of the projection made are not ours to change: a rebuild replaces them.
    if (!mine || steps[i].apart || standing.version != projections[i]->version()) continue;
    front = std::max(front, standing.live_position);
    members.push_back({projections[i], &steps[i], standing, {}, {}, 0});
  }
  std::erase_if(members, [&](const Member& member) {
    member.step->apart = member.standing.live_position + static_cast<std::int64_t>(reach) < front;
    return member.step->apart;
  });
  return members;
}

void Apply(Session& session, LogTail& tail, const std::shared_ptr<const Stretch>& stretch, Member& member) {
  const std::vector<RecordedEvent>* events = &stretch->events();
  const auto seen = static_cast<std::size_t>(
      std::count_if(events->begin(), events->end(), [&member](const RecordedEvent& recorded) {
        return recorded.position <= member.standing.live_position;
      }));
  member.events = events->size() - seen;
  if (member.events == 0) return;
  if (seen > 0) {
    member.rest.assign(events->begin() + static_cast<std::ptrdiff_t>(seen), events->end());
    events = &member.rest;
  }
  GenerationReader reader(session, member.standing.live, events->back().position, tail, stretch);
  member.advance = {member.standing.live, member.standing.live_position, events->back().position,
                    member.projection->Apply(*events, reader)};
}

void Report(const Member& member, std::int64_t head) {
  Step& step = *member.step;
  if (member.events > 0) {
    step.outcome = Step::Outcome::kAdvanced;
    step.position = member.advance.to;
    step.events = member.events;
    step.dead_letters = SetAsideBy(member.advance.changes);
  }
  step.more = step.position < head;
}

}  // namespace

std::vector<Step> ReadModels::AdvanceTogether(const std::vector<const Projection*>& projections,
                                              std::size_t batch, UnixMicros now) {
  std::vector<Step> steps(projections.size());
  if (projections.empty()) return steps;
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginFollowing();
  std::vector<Member> members = MembersOf(*session, projections, batch, steps);
  if (members.empty()) return steps;
  const std::int64_t head = members.front().standing.head;
  const std::int64_t from =
      std::min_element(members.begin(), members.end(), [](const Member& a, const Member& b) {
        return a.standing.live_position < b.standing.live_position;
      })->standing.live_position;
  if (from >= head) return steps;
  const std::shared_ptr<const Stretch> stretch =
      tail_.After(*session, {members.front().standing.server, from, head}, batch);
  if (stretch->events().empty()) return steps;
  // All is computed before the first row is written, so that none sees what another has changed.
  for (Member& member : members) Apply(*session, tail_, stretch, member);
  session->ContinueWriting();
  for (const Member& member : members) {
    if (member.events == 0) continue;
    const std::string name(member.projection->name());
    Write(*session, name, member.advance, now);
    session->Announce({name, member.advance.to});
  }
  transaction.Commit();
  for (const Member& member : members) Report(member, head);
  return steps;
}

}  // namespace billhook::storage
