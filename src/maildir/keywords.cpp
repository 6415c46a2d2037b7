#include "maildir/keywords.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/ascii.h"
#include "maildir/dot_lock.h"
#include "maildir/file.h"

namespace posthouse::maildir {

namespace {

bool is_there(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

bool is_keyword(std::string_view name) {
  return !name.empty() && name.size() <= kMaxKeyword && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

// Dovecot takes a file with the same second of modification for the one it has read.
void date_after(const std::string& path, int64_t before) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || facts.st_mtim.tv_sec > before) return;
  const timespec times[2] = {{before + 1, 0}, {before + 1, 0}};
  (void)::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

int64_t second_of(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0 ? facts.st_mtim.tv_sec : 0;
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

std::vector<std::string> KeywordTable::names_of(uint32_t letters) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < names.size(); ++i) {
    if ((letters >> i & 1) != 0) out.push_back(names[i].empty() ? fmt::format("unknown-{}", i) : names[i]);
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

bool Keywords::is_dovecots() const {
  return is_there(folder_ + "/dovecot-keywords") || is_there(folder_ + "/dovecot-uidlist");
}

std::string Keywords::path() const {
  return folder_ + (is_dovecots() ? "/dovecot-keywords" : "/posthouse-keywords");
}

Result<KeywordTable> Keywords::read() const {
  const Result<std::optional<std::string>> text = read_small(path(), kMaxKeywordsFile);
  if (!text) return std::unexpected(text.error());
  KeywordTable table = *text ? parse_keywords(**text) : KeywordTable{};
  if (!is_dovecots()) return table;
  // Letters that we gave before Dovecot came, as far as it has given them no other meaning.
  const Result<std::optional<std::string>> own =
      read_small(folder_ + "/posthouse-keywords", kMaxKeywordsFile);
  if (!own) return std::unexpected(own.error());
  const KeywordTable earlier = *own ? parse_keywords(**own) : KeywordTable{};
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (table.names[i].empty() && !table.find(earlier.names[i])) table.names[i] = earlier.names[i];
  }
  return table;
}

Result<KeywordTable> Keywords::extend(const std::vector<std::string>& names, const std::string& unique,
                                      uint32_t used) const {
  Result<KeywordTable> table = read();
  if (!table) return table;
  KeywordTable wanted = *table;
  if (!give_letters(wanted, names, used)) return table;
  // Dovecot keeps the two files under the lock of the UID list.
  const std::string locked = folder_ + (is_dovecots() ? "/dovecot-uidlist" : "/posthouse-keywords");
  const Result<DotLock> lock = DotLock::take(locked, clock_, kLockPatience);
  if (!lock) return std::unexpected(lock.error());
  table = read();
  if (!table || !give_letters(*table, names, used)) return table;
  if (!lock->still_ours()) return fail(FaultKind::temporary, "the lock of " + locked + " was taken away");
  const std::string file = path();
  const int64_t before = second_of(file);
  const Result<void> written =
      replace_file(file, fmt::format("{}/tmp/{}", folder_, unique), format_keywords(*table), Sync::now);
  if (!written) return std::unexpected(written.error());
  date_after(file, before);
  return table;
}

}  // namespace posthouse::maildir
