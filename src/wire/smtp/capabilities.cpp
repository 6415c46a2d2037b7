#include "wire/smtp/capabilities.h"

#include <algorithm>

#include "base/ascii.h"

namespace posthouse::wire::smtp {
namespace {

constexpr size_t kMaxMechanisms = 32;

void take_mechanisms(std::string_view words, std::vector<std::string>& out) {
  for (std::string_view word : split(words, ' ')) {
    if (word.empty()) continue;
    std::string name = to_upper(word);
    if (out.size() < kMaxMechanisms && std::ranges::find(out, name) == out.end())
      out.push_back(std::move(name));
  }
}

void take_line(std::string_view line, Capabilities& out) {
  line = trim(line);
  // "AUTH=PLAIN" is an old form that some servers still send beside the right one.
  const size_t end = std::min(line.find_first_of(" ="), line.size());
  const std::string_view key = line.substr(0, end);
  const std::string_view value = trim(line.substr(std::min(end + 1, line.size())));
  if (iequals(key, "PIPELINING")) out.pipelining = true;
  if (iequals(key, "8BITMIME")) out.eight_bit_mime = true;
  if (iequals(key, "SMTPUTF8")) out.utf8 = true;
  if (iequals(key, "STARTTLS")) out.starttls = true;
  if (iequals(key, "SIZE")) out.size = parse_uint(value).value_or(0);
  if (iequals(key, "AUTH")) take_mechanisms(value, out.auth);
}

}  // namespace

bool Capabilities::offers_auth(std::string_view mechanism) const {
  return std::ranges::find(auth, mechanism) != auth.end();
}

Capabilities parse_capabilities(std::string_view text) {
  Capabilities out;
  const std::vector<std::string_view> lines = split(text, '\n');
  for (size_t i = 1; i < lines.size(); ++i) take_line(lines[i], out);
  return out;
}

}  // namespace posthouse::wire::smtp
