#include "service/commands/schema.h"

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
    if (!schema.at("properties").contains(name))
      faults.push_back({pointer + PointerFrom({"[" + name + "]"}), "Is not known here."});
  }
  return faults;
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
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(compiled_->schema, NlohmannJsonAdapter(value), &results)) return faults;
  for (const valijson::ValidationResults::Error& error : results) {
    const std::string at = PointerFrom(error.context);
    // Of an object as a whole valijson only says again what its members' faults say.
    if (at.empty() && value.is_object()) continue;
    faults.push_back({pointer + at, error.description});
  }
  BILLHOOK_CHECK(!faults.empty());
  return faults;
}

}  // namespace billhook
