#include "service/http/docs_page.h"

#include "domain/sha256.h"

namespace billhook::http {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --line: #8884; --code: #8882; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
details { margin: .5rem 0; padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .4rem; }
summary { cursor: pointer; }
code, pre { font: .875em ui-monospace, monospace; background: var(--code); border-radius: .25rem; padding: 0 .2rem; }
pre { padding: .5rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem; border-top: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
.dim { opacity: .75; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
)css";

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string TextIn(const Json& object, const char* key) {
  return object.value(key, "");
}

// The little of Markdown that the document uses: `code`, lines that begin with "- ", and paragraphs.
std::string Prose(std::string_view markdown) {
  std::string html;
  bool code = false;
  for (char c : Escaped(markdown)) {
    if (c == '`') {
      html += code ? "</code>" : "<code>";
      code = !code;
    } else {
      html += c;
    }
  }
  for (std::size_t at = 0; (at = html.find("\n- ", at)) != std::string::npos;) html.replace(at, 3, "<br>• ");
  return html;
}

std::string Code(std::string_view text) {
  return "<code>" + Escaped(text) + "</code>";
}

class Renderer {
 public:
  explicit Renderer(const Json& document) : document_(document) {}

  std::string Page() {
    const Json& info = document_.at("info");
    const std::string title = Escaped(TextIn(info, "title") + " " + TextIn(info, "version"));
    html_ = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
            "</title><meta name=\"viewport\" content=\"width=device-width\"><style>" + std::string(kStyle) +
            "</style></head><body><h1>" + title + "</h1><p>" + Escaped(TextIn(info, "summary")) + "</p><p>" +
            Prose(TextIn(info, "description")) +
            "</p><p>For programs: <a href=\"/openapi.json\">/openapi.json</a></p>\n";
    for (const Json& tag : document_.at("tags")) Tag(tag);
    html_ += "<h2 id=\"schemas\">Schemas</h2>\n";
    for (const auto& [name, schema] : document_.at("components").at("schemas").items()) {
      html_ += "<details id=\"" + Escaped(name) + "\"><summary><b>" + Escaped(name) + "</b> " +
               Prose(TextIn(schema, "description")) + "</summary>" + Shape(schema) + "</details>\n";
    }
    return html_ + "</body></html>\n";
  }

 private:
  // What a reference leads to; a description beside the reference takes the place of its own.
  Json Resolved(const Json& value) const {
    const auto reference = value.find("$ref");
    if (reference == value.end()) return value;
    Json target = document_.at(Json::json_pointer(reference->get<std::string>().substr(1)));
    if (value.contains("description")) target["description"] = value.at("description");
    return target;
  }

  void Tag(const Json& tag) {
    const std::string name = tag.at("name");
    html_ += "<h2>" + Escaped(name) + "</h2><p>" + Prose(TextIn(tag, "description")) + "</p>\n";
    for (const auto& [path, methods] : document_.at("paths").items()) {
      for (const auto& [method, operation] : methods.items()) {
        if (operation.at("tags").at(0) == name) Operation(path, method, operation);
      }
    }
  }

  void Operation(const std::string& path, std::string method, const Json& operation) {
    for (char& c : method) c = static_cast<char>(c & ~0x20);
    const std::string id = Escaped(operation.at("operationId").get<std::string>());
    html_ += "<details id=\"" + id + "\"><summary><span class=\"method\">" + method + "</span> " +
             Code(path) + " " + Escaped(TextIn(operation, "summary")) + "</summary><p>" +
             Prose(TextIn(operation, "description")) + " <span class=\"dim\">" +
             Access(operation.at("security")) + "</span></p>";
    if (operation.contains("parameters")) {
      html_ += "<table>";
      for (const Json& parameter : operation.at("parameters")) Parameter(Resolved(parameter));
      html_ += "</table>";
    }
    if (operation.contains("requestBody")) {
      html_ += "<h3>Body</h3>";
      Content(operation.at("requestBody").at("content"));
    }
    html_ += "<h3>Answers</h3><table>";
    for (const auto& [status, answer] : operation.at("responses").items()) Answer(status, Resolved(answer));
    html_ += "</table></details>\n";
  }

  static std::string Access(const Json& security) {
    if (security.empty()) return "Needs no key.";
    const auto first = security.at(0).begin();
    if (first.value().empty()) return "Needs Stripe's signature.";
    return "Needs the role " + Escaped(first.value().at(0).get<std::string>()) + ".";
  }

  void Parameter(const Json& parameter) {
    const bool required = parameter.value("required", false);
    html_ += "<tr><th>" + Code(parameter.at("name").get<std::string>()) + "</th><td class=\"dim\">" +
             Escaped(TextIn(parameter, "in")) + (required ? ", required" : "") + "</td><td>" +
             Prose(TextIn(parameter, "description")) + " <span class=\"dim\">" +
             Type(parameter.at("schema")) + "</span></td></tr>";
  }

  void Answer(const std::string& status, const Json& answer) {
    html_ += "<tr><th>" + Escaped(status) + "</th><td>" + Prose(TextIn(answer, "description"));
    if (answer.contains("content")) Content(answer.at("content"));
    html_ += "</td></tr>";
  }

  void Content(const Json& content) {
    for (const auto& [type, media] : content.items()) {
      html_ += "<p class=\"dim\">" + Escaped(type) + ": " + Type(media.at("schema")) + "</p>";
      if (media.contains("example")) Example("An example", media.at("example"));
      if (!media.contains("examples")) continue;
      for (const auto& [name, reference] : media.at("examples").items()) {
        const Json example = Resolved(reference);
        Example(TextIn(example, "summary"), example.at("value"));
      }
    }
  }

  void Example(const std::string& what, const Json& value) {
    html_ += "<details><summary>" + Escaped(what) + "</summary><pre>" + Escaped(value.dump(2)) +
             "</pre></details>";
  }

  // What kind of value it is, in a line.
  static std::string Type(const Json& schema) {
    if (schema.contains("$ref")) {
      const std::string path = schema.at("$ref");
      const std::string name = Escaped(path.substr(path.rfind('/') + 1));
      return "<a href=\"#" + name + "\">" + name + "</a>";
    }
    for (const char* choice : {"oneOf", "anyOf"}) {
      if (schema.contains(choice)) return Joined(schema.at(choice), " or ");
    }
    if (schema.contains("const")) return Code(schema.at("const").dump());
    if (schema.contains("enum")) {
      std::string values;
      for (const Json& value : schema.at("enum")) values += (values.empty() ? "" : ", ") + Code(value.dump());
      return values;
    }
    if (!schema.contains("type")) return "any";
    const Json& type = schema.at("type");
    std::string text = type.is_array() ? type.at(0).get<std::string>() + " or null" : type.get<std::string>();
    if (schema.contains("items")) text += " of " + Type(schema.at("items"));
    if (schema.contains("format")) text += " (" + TextIn(schema, "format") + ")";
    for (const char* limit :
         {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"}) {
      if (schema.contains(limit)) text += ", " + std::string(limit) + " " + schema.at(limit).dump();
    }
    return text;
  }

  static std::string Joined(const Json& schemas, const std::string& separator) {
    std::string text;
    for (const Json& schema : schemas) text += (text.empty() ? "" : separator) + Type(schema);
    return text;
  }

  // The members of an object, those of objects within it too.
  static std::string Shape(const Json& schema) {
    if (!schema.contains("properties")) return "<p class=\"dim\">" + Type(schema) + "</p>";
    const Json required = schema.value("required", Json::array());
    std::string html = "<table>";
    for (const auto& [name, member] : schema.at("properties").items()) {
      const bool always = std::find(required.begin(), required.end(), name) != required.end();
      html += "<tr><th>" + Code(name) + "</th><td>" + Prose(TextIn(member, "description")) +
              " <span class=\"dim\">" + Type(member) + (always ? "" : ", optional") + "</span>" +
              (member.contains("properties") ? Shape(member) : "") + "</td></tr>";
    }
    return html + "</table>";
  }

  const Json& document_;
  std::string html_;
};

std::string Base64(const Digest& digest) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < digest.size(); at += 3) {
    unsigned bits = 0;
    for (std::size_t i = at; i < at + 3; ++i) bits = bits << 8 | (i < digest.size() ? digest[i] : 0U);
    for (int shift = 18; shift >= 0; shift -= 6) text += kAlphabet[bits >> shift & 63U];
  }
  static_assert(std::tuple_size_v<Digest> % 3 == 2);  // hence one character stands for no bits
  text.back() = '=';
  return text;
}

}  // namespace

DocsPage RenderDocs(const nlohmann::ordered_json& document) {
  return {Renderer(document).Page(), "default-src 'none'; style-src 'sha256-" + Base64(Sha256({kStyle})) +
                                         "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"};
}

}  // namespace billhook::http
