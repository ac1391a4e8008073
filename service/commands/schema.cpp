#include "service/commands/schema.h"

#include <map>
#include <optional>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "domain/check.h"

namespace billhook {
namespace {

using valijson::adapters::NlohmannJsonAdapter;

// A step of valijson's context, "[amount]", as a step of a JSON pointer. The first, "<root>", is none.
std::string PointerFrom(const std::vector<std::string>& context) {
  std::string pointer;
  for (const std::string& step : context) {
    if (step.size() < 2 || step.front() != '[') continue;
    pointer += '/';
    for (char c : step.substr(1, step.size() - 2)) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

// The members of an object that a schema demands or does not know are told at their own place, which valijson
// does not do.
std::vector<InputFault> CheckMembers(const Json& schema, const Json& value, const std::string& pointer) {
  std::vector<InputFault> faults;
  if (!value.is_object()) return faults;
  for (const Json& key : schema.value("required", Json::array())) {
    const std::string name = key.get<std::string>();
    if (!value.contains(name)) faults.push_back({pointer + "/" + name, "Is needed."});
  }
  if (schema.value("additionalProperties", true)) return faults;
  for (const auto& [name, member] : value.items()) {
    if (HoldsMostFaults(faults)) break;
    if (!schema.at("properties").contains(name))
      faults.push_back({pointer + PointerFrom({"[" + name + "]"}), "Is not known here."});
  }
  return faults;
}

// What a schema wants of a value, in the keywords that ours use; nothing for other schemas.
std::optional<std::string> Wanted(const Json& schema) {
  const auto bound = [&schema](const char* name) -> std::optional<std::string> {
    return schema.contains(name) ? std::optional(schema.at(name).dump()) : std::nullopt;
  };
  const std::string type = schema.value("type", "");
  if (type == "boolean") return "Must be true or false.";
  if (type == "object") return "Must be an object.";
  std::string text;
  if (type == "integer") {
    text = "Must be an integer";
    if (const auto least = bound("minimum")) text += " of at least " + *least;
    if (schema.contains("not")) text += " other than " + schema.at("not").at("const").dump();
  } else if (type == "string") {
    text = "Must be a string";
    if (const auto most = bound("maxLength"))
      text += " of " + bound("minLength").value_or("0") + " to " + *most + " characters";
    if (schema.contains("pattern")) text += " that matches " + schema.at("pattern").get<std::string>();
  } else {
    return std::nullopt;
  }
  return text + ".";
}

// The schema of the place that a pointer leads to within a value of that schema; nothing where it says none.
std::optional<Json> SchemaAt(const Json& schema, const std::string& pointer) {
  if (pointer.empty()) return schema;
  const Json::json_pointer place = [&pointer] {
    Json::json_pointer within;
    const Json::json_pointer steps(pointer);
    for (Json::json_pointer rest = steps; !rest.empty(); rest.pop_back())
      within = Json::json_pointer() / "properties" / rest.back() / within;
    return within;
  }();
  return schema.contains(place) ? std::optional(schema.at(place)) : std::nullopt;
}

}  // namespace

class Schema::Compiled {
 public:
  Json text;
  valijson::Schema schema;
};

Schema::Schema(std::string_view text) : compiled_(std::make_unique<Compiled>()) {
  compiled_->text = Json::parse(text);
  const NlohmannJsonAdapter adapter(compiled_->text);
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(adapter, compiled_->schema);
}

Schema::~Schema() = default;

std::vector<InputFault> Schema::Check(const Json& value, const std::string& pointer) const {
  std::vector<InputFault> faults = CheckMembers(compiled_->text, value, pointer);
  if (HoldsMostFaults(faults)) return faults;  // before valijson goes through a hostile object
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(compiled_->schema, NlohmannJsonAdapter(value), &results)) return faults;
  std::map<std::string, std::string> told;  // by place, each once
  for (const valijson::ValidationResults::Error& error : results)
    told.emplace(PointerFrom(error.context), error.description);
  for (const auto& [at, description] : told) {
    if (HoldsMostFaults(faults)) break;
    // Of an object as a whole valijson only says again what its members' faults say.
    const auto below = told.lower_bound(at + "/");
    const bool says_again = below != told.end() && below->first.starts_with(at + "/");
    if (says_again || (at.empty() && value.is_object())) continue;
    const std::optional<Json> place = SchemaAt(compiled_->text, at);
    const std::optional<std::string> wanted = place ? Wanted(*place) : std::nullopt;
    faults.push_back({pointer + at, wanted.value_or(description)});
  }
  BILLHOOK_CHECK(!faults.empty());
  return faults;
}

}  // namespace billhook
