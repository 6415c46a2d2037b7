#include "access/jmap/query_words.h"

#include <optional>

#include "access/jmap/limits.h"

namespace posthouse::access::jmap {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The phrase that begins with the quote at the start of `text`, and how far it goes; nothing if it does not
// end.
std::optional<std::pair<std::string, size_t>> phrase(std::string_view text) {
  std::string out;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == text[0]) return std::pair(out, at + 1);
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    out += text[at];
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> query_words(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    while (!text.empty() && is_blank(text[0])) text.remove_prefix(1);
    if (text.empty()) return out;
    if (out.size() == kMaxQueryWords) {
      out.emplace_back(text);
      return out;
    }
    if (text[0] == '"' || text[0] == '\'') {
      if (const auto quoted = phrase(text)) {
        if (!quoted->first.empty()) out.push_back(quoted->first);
        text.remove_prefix(quoted->second);
        continue;
      }
    }
    size_t end = 0;
    while (end < text.size() && !is_blank(text[end])) ++end;
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace posthouse::access::jmap
