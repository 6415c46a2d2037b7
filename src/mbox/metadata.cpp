#include "mbox/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/ascii.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

struct Name {
  std::string_view text;
  Field field;
};
constexpr std::array<Name, 9> kNames = {{{"Status", Field::status},
                                         {"X-Status", Field::x_status},
                                         {"X-Keywords", Field::keywords},
                                         {"X-UID", Field::uid},
                                         {"X-IMAPbase", Field::base},
                                         {"X-IMAP", Field::imap},
                                         {"Content-Length", Field::content_length},
                                         {"Lines", Field::lines},
                                         {"X-Posthouse-Form", Field::form}}};

std::optional<uint32_t> number32(std::string_view word) {
  const auto value = parse_uint(word);
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

std::string padded(std::string_view name, std::string_view value, size_t room) {
  return fmt::format("{}: {:<{}}\n", name, value, room);
}

// As much as keeps its room when it grows: the next multiple.
size_t room_for(size_t length, size_t room) {
  return (length / room + 1) * room;
}

}  // namespace

Field field_of(std::string_view line, bool after_length) {
  if (line.empty() || std::string_view("SsXxCcLl").find(line[0]) == std::string_view::npos)
    return Field::none;
  for (const Name& name : kNames) {
    if (!istarts_with(line, name.text)) continue;
    std::string_view rest = line.substr(name.text.size());
    while (!rest.empty() && is_wsp(rest.front())) rest.remove_prefix(1);
    if (rest.empty() || rest.front() != ':') continue;
    if (name.field == Field::lines && !after_length) return Field::none;
    return name.field;
  }
  return Field::none;
}

std::string_view value_of(std::string_view line) {
  const size_t colon = line.find(':');
  return colon == std::string_view::npos ? std::string_view() : trim(line.substr(colon + 1));
}

void read_status(std::string_view value, Flags& flags) {
  for (char c : value) {
    switch (c) {
      case 'R':
        flags.seen = true;
        break;
      case 'O':
        flags.old = true;
        break;
      case 'A':
        flags.answered = true;
        break;
      case 'F':
        flags.flagged = true;
        break;
      case 'D':
        flags.deleted = true;
        break;
      case 'T':
        flags.draft = true;
        break;
      default:
        break;
    }
  }
}

bool is_keyword(std::string_view word) {
  if (word.empty() || word.size() > kMaxKeyword) return false;
  return std::all_of(word.begin(), word.end(), [](char c) {
    return c > ' ' && c < 127 && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

std::vector<std::string> read_keywords(std::string_view value) {
  std::vector<std::string> words;
  std::set<std::string_view, ILess> known;
  for (size_t at = 0; at < value.size() && words.size() < kMaxKeywords;) {
    while (at < value.size() && (is_wsp(value[at]) || value[at] == '\r' || value[at] == '\n')) ++at;
    const size_t end = std::min(value.find_first_of(" \t\r\n", at), value.size());
    const std::string_view word = value.substr(at, end - at);
    if (is_keyword(word) && known.insert(word).second) words.emplace_back(word);
    at = end;
  }
  return words;
}

std::optional<Base> read_base(std::string_view value) {
  value = trim(value);
  const size_t first = value.find_first_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  std::string_view rest = trim(value.substr(first));
  const size_t second = std::min(rest.find_first_of(" \t\r\n"), rest.size());
  const auto validity = number32(value.substr(0, first));
  const auto last = number32(rest.substr(0, second));
  if (!validity || *validity == 0 || !last) return std::nullopt;
  return Base{*validity, *last, read_keywords(rest.substr(second))};
}

std::string status_value(const Flags& flags) {
  return std::string(flags.seen ? "R" : "") + (flags.old ? "O" : "");
}

std::string x_status_value(const Flags& flags) {
  return std::string(flags.answered ? "A" : "") + (flags.flagged ? "F" : "") + (flags.draft ? "T" : "") +
         (flags.deleted ? "D" : "");
}

std::string keywords_value(const std::vector<std::string>& keywords) {
  std::string text;
  for (const std::string& word : keywords) {
    if (!is_keyword(word)) continue;
    if (text.size() + word.size() + 64 > kMaxHeaderLine) break;
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

// The last UID always has ten digits, so that it can be raised in place; Dovecot writes it so, too.
std::string base_value(const Base& base) {
  const std::string words = keywords_value(base.keywords);
  return fmt::format("{} {:010}{}{}", base.validity, base.last_uid, words.empty() ? "" : " ", words);
}

bool cover(Base& base, const Metadata& metadata) {
  bool changed = metadata.uid > base.last_uid;
  if (changed) base.last_uid = metadata.uid;
  for (const std::string& word : metadata.keywords) {
    const bool known = std::any_of(base.keywords.begin(), base.keywords.end(),
                                   [&](const std::string& each) { return iequals(each, word); });
    if (known || !is_keyword(word) || base.keywords.size() >= kMaxKeywords) continue;
    base.keywords.push_back(word);
    changed = true;
  }
  return changed;
}

std::string metadata_block(const Metadata& metadata, const Base* base) {
  std::string block;
  if (base != nullptr) {
    const std::string value = base_value(*base);
    block += padded("X-IMAPbase", value, room_for(value.size(), kBaseRoom));
  }
  const std::string words = keywords_value(metadata.keywords);
  block += padded("X-UID", metadata.uid == 0 ? "" : std::to_string(metadata.uid), 10);
  block += padded("Status", status_value(metadata.flags), 2);
  block += padded("X-Status", x_status_value(metadata.flags), 4);
  block += padded("X-Keywords", words, room_for(words.size(), kKeywordRoom));
  return block;
}

}  // namespace posthouse::mbox
