#include "domain/sagas/saga.h"

#include <algorithm>
#include <array>

#include "domain/command_fields.h"
#include "domain/sha256.h"

namespace billhook::sagas {
namespace {

constexpr std::string_view kStepCompleted = "SagaStepCompleted";
constexpr std::string_view kStepFailed = "SagaStepFailed";
constexpr std::string_view kRescheduled = "SagaRescheduled";

constexpr std::array<std::string_view, 6> kStatusNames = {"running",      "waiting",     "completed",
                                                          "compensating", "compensated", "failed"};

DecidedEvent Record(std::string_view event_type, Json data, Status status, std::optional<UnixMicros> due_at,
                    UnixMicros now) {
  data["status"] = NameOf(status);
  data["due_at"] = due_at ? Json(FormatRfc3339(*due_at)) : Json();
  data["at"] = FormatRfc3339(now);
  return {std::string(event_type), std::move(data), now};
}

Result<Json, std::string> AfterStart(const Json& state, const Json& event) {
  const std::optional<std::string> type = TextIn(event, "saga_type");
  if (!state.is_null()) return Unexpected<std::string>("the saga has started already");
  if (!type || !event.contains("data") || !event.at("data").is_object())
    return Unexpected<std::string>("the saga's type or data cannot be used");
  return Json{{"saga_type", *type}, {"data", event.at("data")}, {"steps", Json::array()}};
}

Result<Json, std::string> AfterStep(const Json& state, const Json& event, bool completed) {
  const std::optional<std::string> name = TextIn(event, "step");
  const auto error = event.find("error");
  if (!name || (!completed && (error == event.end() || !error->is_object())))
    return Unexpected<std::string>("the saga's step cannot be used");
  Json step = {{"name", *name},
               {"status", completed ? "completed" : "failed"},
               {"at", event.at("at")},
               {"error", completed ? Json() : *error},
               {"result", event.value("result", Json())}};
  Json after = state;
  Json& steps = after["steps"];
  const auto before =
      std::find_if(steps.begin(), steps.end(), [&](const Json& other) { return other["name"] == *name; });
  if (before != steps.end()) steps.erase(before);
  steps.push_back(std::move(step));
  return after;
}

}  // namespace

std::string_view NameOf(Status status) {
  return kStatusNames[static_cast<std::size_t>(status)];
}

std::optional<Status> StatusNamed(std::string_view name) {
  const auto* at = std::find(kStatusNames.begin(), kStatusNames.end(), name);
  if (at == kStatusNames.end()) return std::nullopt;
  return static_cast<Status>(at - kStatusNames.begin());
}

bool HasEnded(Status status) {
  return status == Status::kCompleted || status == Status::kCompensated || status == Status::kFailed;
}

Status StatusOf(const Json& saga) {
  const std::optional<Status> status = StatusNamed(saga.at("status").get<std::string>());
  BILLHOOK_CHECK(status.has_value());  // EvolveSaga lets no other in
  return *status;
}

std::optional<UnixMicros> DueAt(const Json& saga) {
  const std::optional<std::string> text = TextIn(saga, "due_at");
  return text ? ParseRfc3339(*text) : std::nullopt;
}

const Json* FindStep(const Json& saga, std::string_view name) {
  for (const Json& step : saga.at("steps")) {
    if (step.at("name") == name) return &step;
  }
  return nullptr;
}

bool IsDone(const Json& saga, std::string_view step) {
  const Json* found = FindStep(saga, step);
  return found != nullptr && found->at("status") == "completed";
}

DecidedEvent Started(std::string_view type, const Json& data, Status status, std::optional<UnixMicros> due_at,
                     UnixMicros now) {
  return Record(kStarted, {{"saga_type", type}, {"data", data}}, status, due_at, now);
}

DecidedEvent StepCompleted(std::string_view step, Status status, UnixMicros now, const Json& result) {
  return Record(kStepCompleted, {{"step", step}, {"result", result}}, status, std::nullopt, now);
}

DecidedEvent StepFailed(std::string_view step, Status status, const CommandRefusal& why,
                        std::optional<UnixMicros> due_at, UnixMicros now) {
  return Record(kStepFailed, {{"step", step}, {"error", {{"code", why.code}, {"detail", why.detail}}}},
                status, due_at, now);
}

DecidedEvent Rescheduled(Status status, UnixMicros due_at, UnixMicros now) {
  return Record(kRescheduled, Json::object(), status, due_at, now);
}

Result<Json, std::string> EvolveSaga(const Json& state, std::string_view event_type, const Json& event) {
  const std::optional<std::string> status = TextIn(event, "status");
  const std::optional<std::string> due_at = TextIn(event, "due_at");
  const std::optional<std::string> at = TextIn(event, "at");
  if (!status || !StatusNamed(*status) || !at || (due_at && !ParseRfc3339(*due_at)))
    return Unexpected<std::string>("the saga's status or time cannot be used");
  if (event_type != kStarted && (state.is_null() || HasEnded(StatusOf(state))))
    return Unexpected<std::string>("there is no such open saga");
  Result<Json, std::string> after = state;
  if (event_type == kStarted) {
    after = AfterStart(state, event);
  } else if (event_type == kStepCompleted || event_type == kStepFailed) {
    after = AfterStep(state, event, event_type == kStepCompleted);
  } else if (event_type != kRescheduled) {
    return Unexpected<std::string>("a saga knows no event of this type");
  }
  if (!after) return after;
  (*after)["status"] = *status;
  (*after)["due_at"] = due_at ? Json(*due_at) : Json();
  return after;
}

std::string DerivedId(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (std::string_view part : parts) text.append(part) += '\n';
  std::string hex = ToHex(Sha256({text})).substr(0, 32);
  constexpr std::string_view kVariant = "89ab";
  hex[12] = '8';  // version 8: a UUID of our own making (RFC 9562)
  hex[16] = kVariant[static_cast<unsigned char>(hex[16]) % 4];
  for (std::size_t dash : {8U, 13U, 18U, 23U}) hex.insert(dash, 1, '-');
  return hex;
}

}  // namespace billhook::sagas
