#include "wire/sasl/scram_message.h"

namespace posthouse::wire::sasl {
namespace {

// What is before the next comma, which is taken too. Nothing if there is no comma.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const size_t comma = rest.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(0, comma);
  rest.remove_prefix(comma + 1);
  return field;
}

// RFC 5802 section 5.1: "=2C" is a comma, "=3D" an equals sign, "=" stands for nothing else.
std::optional<std::string> decode_saslname(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    out += code == "=2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

bool parse_binding(std::string_view field, ClientFirst& out) {
  if (field == "n" || field == "y") {
    out.binding_flag = field[0];
    return true;
  }
  if (!field.starts_with("p=") || field.size() == 2) return false;
  out.binding_flag = 'p';
  out.binding_name = field.substr(2);
  return true;
}

}  // namespace

namespace {
// Takes the GS2 header from `message`.
bool take_header(std::string_view& message, ClientFirst& out) {
  const std::optional<std::string_view> binding = take_field(message);
  if (!binding || !parse_binding(*binding, out)) return false;
  const std::optional<std::string_view> authzid = take_field(message);
  if (!authzid || (!authzid->empty() && !authzid->starts_with("a="))) return false;
  if (authzid->empty()) return true;
  std::optional<std::string> decoded = decode_saslname(authzid->substr(2));
  if (!decoded || decoded->empty()) return false;
  out.authzid = std::move(*decoded);
  return true;
}
}  // namespace

std::optional<std::string> parse_gs2_header(std::string_view header) {
  ClientFirst out;
  if (!take_header(header, out) || !header.empty() || out.binding_flag == 'p') return std::nullopt;
  return out.authzid;
}

std::optional<ClientFirst> parse_client_first(std::string_view message) {
  ClientFirst out;
  if (!take_header(message, out)) return std::nullopt;
  const std::optional<std::string_view> name = take_field(message);
  if (!name || !name->starts_with("n=") || !message.starts_with("r=")) return std::nullopt;
  std::optional<std::string> decoded = decode_saslname(name->substr(2));
  if (!decoded) return std::nullopt;
  out.name = std::move(*decoded);
  return out;
}

}  // namespace posthouse::wire::sasl
