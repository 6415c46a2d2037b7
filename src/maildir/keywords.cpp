#include "maildir/keywords.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>

#include "base/ascii.h"
#include "maildir/dot_lock.h"
#include "maildir/file.h"
#include "maildir/name.h"

namespace posthouse::maildir {

namespace {

constexpr const char* kDovecots = "dovecot-keywords";
constexpr const char* kOwn = "posthouse-keywords";

bool is_there(int folder, const char* name) {
  struct stat facts{};
  return ::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(facts.st_mode);
}

bool is_dovecots(int folder) {
  return is_there(folder, kDovecots) || is_there(folder, "dovecot-uidlist");
}

bool is_keyword(std::string_view name) {
  return !name.empty() && name.size() <= kMaxKeyword && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

int64_t second_of(int folder, const char* name) {
  struct stat facts{};
  return ::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? facts.st_mtim.tv_sec : 0;
}

// Dovecot takes a file with the same second of modification for the one it has read.
void date_after(int folder, const char* name, int64_t before) {
  if (second_of(folder, name) > before) return;
  const timespec times[2] = {{before + 1, 0}, {before + 1, 0}};
  (void)::utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW);
}

// That stand in the names of a folder's files.
Result<uint32_t> letters_in_use(int folder) {
  uint32_t letters = 0;
  for (const char* const where : {"cur", "new"}) {
    const Result<File> opened = open_folder_in(folder, where);
    if (!opened) return std::unexpected(opened.error());
    const Result<void> read =
        each_entry(opened->fd(), where, [&](std::string_view name, unsigned char, uint64_t) {
          letters |= marks_of(name).letters;
          return true;
        });
    if (!read) return std::unexpected(read.error());
  }
  return letters;
}

bool lacks_letter(const KeywordTable& table, const std::vector<std::string>& names) {
  return std::ranges::any_of(names,
                             [&](const std::string& name) { return is_keyword(name) && !table.find(name); });
}

bool give_letters(KeywordTable& table, const std::vector<std::string>& names, uint32_t used) {
  bool changed = false;
  for (const std::string& name : names) {
    if (!is_keyword(name) || table.find(name)) continue;
    for (size_t letter = 0; letter < table.names.size(); ++letter) {
      if (!table.names[letter].empty() || (used >> letter & 1) != 0) continue;
      table.names[letter] = name;
      changed = true;
      break;
    }
  }
  return changed;
}

}  // namespace

std::optional<int> KeywordTable::find(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (!name.empty() && iequals(names[i], name)) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::string unknown_name(int letter) {
  return fmt::format("unknown-{}", letter);
}

std::optional<int> unknown_letter(std::string_view name) {
  for (int letter = 0; letter < kLetters; ++letter) {
    if (iequals(name, unknown_name(letter))) return letter;
  }
  return std::nullopt;
}

uint32_t KeywordTable::named() const {
  uint32_t letters = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool none = names[i].empty() || unknown_letter(names[i]) == static_cast<int>(i);
    if (!none) letters |= 1u << i;
  }
  return letters;
}

std::vector<std::string> KeywordTable::names_of(uint32_t letters) const {
  letters &= named();
  std::vector<std::string> out;
  for (size_t i = 0; i < names.size(); ++i) {
    if ((letters >> i & 1) != 0) out.push_back(names[i]);
  }
  return out;
}

KeywordTable parse_keywords(std::string_view text) {
  KeywordTable table;
  for (std::string_view line : split(text, '\n')) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const std::optional<uint64_t> index = parse_uint(line.substr(0, space));
    const std::string_view name = line.substr(space + 1);
    if (!index || *index >= kLetters || !is_keyword(name) || table.find(name)) continue;
    table.names[*index] = name;
  }
  return table;
}

std::string format_keywords(const KeywordTable& table) {
  std::string text;
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (!table.names[i].empty()) text += fmt::format("{} {}\n", i, table.names[i]);
  }
  return text;
}

Result<KeywordTable> Keywords::read_in(int folder) {
  const bool dovecots = is_dovecots(folder);
  const Result<std::optional<std::string>> own = read_small(folder, kOwn, kMaxKeywordsFile);
  if (!own) return std::unexpected(own.error());
  const KeywordTable ours = *own ? parse_keywords(**own) : KeywordTable{};
  if (!dovecots) return ours;
  const Result<std::optional<std::string>> text = read_small(folder, kDovecots, kMaxKeywordsFile);
  if (!text) return std::unexpected(text.error());
  KeywordTable table = *text ? parse_keywords(**text) : KeywordTable{};
  table.dovecots = true;
  // Letters that we gave before Dovecot came, as far as it has given them no other meaning.
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (table.names[i].empty() && !table.find(ours.names[i])) table.names[i] = ours.names[i];
  }
  return table;
}

Result<KeywordTable> Keywords::read() const {
  const Result<File> folder = folder_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  return read_in(folder->fd());
}

Result<KeywordTable> Keywords::extend(const std::vector<std::string>& names, const std::string& unique,
                                      milliseconds patience) const {
  const Result<File> folder = folder_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  Result<KeywordTable> table = read_in(folder->fd());
  if (!table) return table;
  if (!lacks_letter(*table, names)) return table;
  // Dovecot keeps its two files under the lock of the UID list.
  const bool dovecots = is_dovecots(folder->fd());
  const char* const locked = dovecots ? "dovecot-uidlist" : kOwn;
  const Result<DotLock> lock = DotLock::take(folder->fd(), locked, clock_, patience);
  if (!lock) return std::unexpected(lock.error());
  table = read_in(folder->fd());
  if (!table) return table;
  const Result<uint32_t> used = letters_in_use(folder->fd());
  if (!used) return std::unexpected(used.error());
  if (!give_letters(*table, names, *used)) return table;
  if (!lock->still_ours())
    return fail(FaultKind::temporary, fmt::format("the lock of {} was taken away", locked));
  const char* const file = dovecots ? kDovecots : kOwn;
  const int64_t before = second_of(folder->fd(), file);
  const Result<void> written = replace_file(folder->fd(), file, unique, format_keywords(*table), Sync::now);
  if (!written) return std::unexpected(written.error());
  date_after(folder->fd(), file, before);
  return table;
}

}  // namespace posthouse::maildir
