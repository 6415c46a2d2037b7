#include "wire/smtp/path.h"

#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {

std::optional<PathCut> cut_path(std::string_view text) {
  if (text.empty() || text.front() != '<') return std::nullopt;
  bool quoted = false;
  for (size_t i = 1; i < text.size() && i < kMaxPath; ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;  // quoted-pair
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '>') {
      return PathCut{text.substr(1, i - 1), text.substr(i + 1)};
    } else if (!quoted && c == '<') {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace posthouse::wire::smtp
