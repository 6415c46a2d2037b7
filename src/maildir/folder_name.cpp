#include "maildir/folder_name.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/modified_utf7.h"
#include "base/utf8.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

constexpr std::string_view kInbox = "INBOX";

// Stand between levels here and there, so never for themselves.
constexpr std::string_view kSeparators = "./";

}  // namespace

bool is_inbox(std::string_view name) {
  return iequals(name, kInbox);
}

Result<std::string> encode_folder(std::string_view name) {
  const auto wrong = [](const char* why) {
    return fail(FaultKind::syntax, fmt::format("folder name: {}", why));
  };
  if (name.size() > kMaxFolderName) return wrong("too long");
  const std::vector<std::string_view> levels = split(name, '/');
  if (levels.size() > kMaxLevels) return wrong("too many levels");
  std::string out;
  for (const std::string_view level : levels) {
    if (level.empty()) return wrong("an empty level");
    if (!is_utf8(level) || level.find('\0') != level.npos) return wrong("not UTF-8, or a NUL");
    out += '.' + to_modified_utf7(level, kSeparators);
  }
  if (out.size() > kMaxFileName) return wrong("too long for a directory");
  return out;
}

std::optional<std::string> decode_folder(std::string_view directory) {
  if (directory.size() < 2 || directory[0] != '.') return std::nullopt;
  std::string name;
  for (const std::string_view level : split(directory.substr(1), '.')) {
    const std::optional<std::string> decoded = from_modified_utf7(level, kSeparators);
    if (!decoded) return std::nullopt;
    if (!name.empty()) name += '/';
    name += *decoded;
  }
  // Every name has one spelling, and every other spelling is somebody's mistake.
  const Result<std::string> again = encode_folder(name);
  return again && *again == directory ? std::optional(name) : std::nullopt;
}

RawName raw_folder_name(std::string_view directory) {
  const std::vector<std::string_view> levels =
      split(directory.substr(directory.starts_with('.') ? 1 : 0), '.');
  RawName name;
  name.plain = std::ranges::all_of(
      levels, [](std::string_view level) { return !level.empty() && raw_name(level).plain; });
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool between = i > 0 && !levels[i - 1].empty() && !levels[i].empty();
    if (i > 0) name.text += between ? "/" : "%2E";
    name.text += name.plain ? std::string(levels[i]) : escaped_name(levels[i]);
  }
  return name;
}

std::string raw_folder(std::string_view directory) {
  std::string name;
  std::string_view rest =
      directory.substr(std::min<size_t>(directory.size(), directory.starts_with('.') ? 1 : 0));
  while (!rest.empty()) {
    const size_t length = utf8_sequence(rest);
    const auto first = static_cast<unsigned char>(rest[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      name += fmt::format("%{:02X}", first);
    } else if (first == '.') {
      name += '/';
    } else {
      name += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<size_t>(1, length));
  }
  return name;
}

}  // namespace posthouse::maildir
