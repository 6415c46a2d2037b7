#include "maildir/uid_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <unordered_set>

#include "base/ascii.h"
#include "maildir/limits.h"
#include "maildir/name.h"

namespace posthouse::maildir {

namespace {

constexpr const char* kOwnFile = "posthouse-uidlist";
constexpr std::string_view kOwnHeader = "posthouse-uidlist 1 ";
constexpr std::string_view kEndOfLine = " .";  // a line without it was torn

// 1 to 2^32 - 1.
std::optional<uint32_t> parse_uid(std::string_view text) {
  const std::optional<uint64_t> number = parse_uint(text);
  if (!number || *number == 0 || *number > UINT32_MAX || text.size() > 10) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

bool is_guid(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// 1 where it can't be read, or not be believed.
uint32_t parse_next_uid(std::string_view text) {
  const uint32_t next = parse_uid(text).value_or(1);
  return next <= kHighestNextUid ? next : 1;
}

// "V1 N2 G..." in any order, among others that are not ours to understand.
bool read_header_fields(std::string_view fields, UidList& list) {
  bool good = false;
  while (!fields.empty()) {
    const std::string_view field = take_word(fields);
    if (field.empty()) continue;
    const std::string_view value = field.substr(1);
    if (field[0] == 'V') {
      list.validity = parse_uid(value).value_or(0);
      good = list.validity != 0;
    }
    if (field[0] == 'N') list.next = parse_next_uid(value);
    if (field[0] == 'G' && is_guid(value)) list.guid = value;
  }
  return good;
}

bool read_dovecot_header(std::string_view line, UidList& list, bool& old) {
  const std::string_view version = take_word(line);
  old = version == "1";
  if (version == "3") return read_header_fields(line, list);
  if (!old) return false;
  list.validity = parse_uid(take_word(line)).value_or(0);
  list.next = parse_next_uid(take_word(line));
  return list.validity != 0;
}

bool is_base(std::string_view base) {
  return !base.empty() && base.size() <= kMaxFileName && base[0] != '.' &&
         base.find_first_of(std::string_view("/\0\r", 3)) == std::string_view::npos;
}

// UID, in version 3 fields "Kvalue" and a colon before the name, which may have flags.
std::optional<UidEntry> read_dovecot_line(std::string_view line, bool old) {
  UidEntry entry;
  entry.uid = parse_uid(take_word(line)).value_or(0);
  while (!old && !line.starts_with(':')) {
    if (line.empty()) return std::nullopt;
    const std::string_view field = take_word(line);
    if (field.starts_with('G') && field.size() <= kMaxFileName) entry.guid = field.substr(1);
  }
  if (!old) line.remove_prefix(1);
  entry.base = line.substr(0, line.find(':'));
  if (entry.uid == 0 || !is_base(entry.base)) return std::nullopt;
  return entry;
}

std::optional<UidEntry> read_own_line(std::string_view line) {
  if (!line.ends_with(kEndOfLine)) return std::nullopt;
  line.remove_suffix(kEndOfLine.size());
  UidEntry entry;
  entry.uid = parse_uid(take_word(line)).value_or(0);
  entry.base = line;
  if (entry.uid == 0 || !is_base(entry.base) || entry.base.find(':') != std::string::npos)
    return std::nullopt;
  return entry;
}

// By UID; of a base or UID that was given twice the later line counts, as Dovecot has it.
void put_in_order(UidList& list) {
  std::vector<UidEntry> kept;
  {
    std::unordered_set<std::string_view> bases;
    std::unordered_set<uint32_t> uids;
    for (auto entry = list.entries.rbegin(); entry != list.entries.rend(); ++entry) {
      list.next = std::max(list.next, entry->uid == UINT32_MAX ? entry->uid : entry->uid + 1);
      if (bases.contains(entry->base) || !uids.insert(entry->uid).second) continue;
      bases.insert(entry->base);
      kept.push_back(*entry);
    }
  }
  std::sort(kept.begin(), kept.end(), [](const UidEntry& a, const UidEntry& b) { return a.uid < b.uid; });
  list.entries = std::move(kept);
}

Result<std::optional<std::string>> read_in(const Folder& folder, const char* name) {
  const Result<File> directory = folder.open_directory();
  if (!directory) return std::unexpected(directory.error());
  return read_small(directory->fd(), name, kMaxUidListFile);
}

std::string line_of(const UidEntry& entry) {
  return fmt::format("{} {}{}\n", entry.uid, entry.base, kEndOfLine);
}

}  // namespace

const UidEntry* UidList::find(std::string_view base) const {
  const auto at =
      std::find_if(entries.begin(), entries.end(), [&](const UidEntry& entry) { return entry.base == base; });
  return at == entries.end() ? nullptr : &*at;
}

std::optional<UidList> parse_dovecot_uid_list(std::string_view text) {
  UidList list;
  bool old = false;
  if (!read_dovecot_header(take_line(text), list, old)) return std::nullopt;
  while (!text.empty()) {
    const bool whole = text.find('\n') != std::string_view::npos;  // else Dovecot is about to write the rest
    std::optional<UidEntry> entry = read_dovecot_line(take_line(text), old);
    if (entry && whole) {
      list.entries.push_back(std::move(*entry));
    } else {
      ++list.damaged;
    }
  }
  put_in_order(list);
  return list;
}

std::optional<UidList> parse_own_uid_list(std::string_view text) {
  UidList list;
  std::string_view header = take_line(text);
  if (!header.ends_with(kEndOfLine)) return std::nullopt;
  header.remove_suffix(kEndOfLine.size());
  if (!header.starts_with(kOwnHeader)) return std::nullopt;
  if (!read_header_fields(header.substr(kOwnHeader.size()), list)) return std::nullopt;
  while (!text.empty()) {
    std::optional<UidEntry> entry = read_own_line(take_line(text));
    if (entry) {
      list.entries.push_back(std::move(*entry));
    } else {
      ++list.damaged;
    }
  }
  put_in_order(list);
  return list;
}

Result<std::optional<UidList>> read_dovecot_uid_list(const Folder& folder) {
  const Result<std::optional<std::string>> text = read_in(folder, "dovecot-uidlist");
  if (!text) return std::unexpected(text.error());
  return *text ? parse_dovecot_uid_list(**text) : std::nullopt;
}

bool OwnUidList::exists() const {
  return ::access((folder_.path() + "/" + kOwnFile).c_str(), F_OK) == 0;
}

Result<std::optional<UidList>> OwnUidList::read() const {
  const Result<std::optional<std::string>> text = read_in(folder_, kOwnFile);
  if (!text) return std::unexpected(text.error());
  return *text ? parse_own_uid_list(**text) : std::nullopt;
}

Result<void> OwnUidList::write(const UidList& list, const std::string& unique, Sync sync) const {
  std::string text = fmt::format("{}V{} N{}", kOwnHeader, list.validity, list.next);
  if (is_guid(list.guid)) text += " G" + list.guid;
  text += fmt::format("{}\n", kEndOfLine);
  for (const UidEntry& entry : list.entries) text += line_of(entry);
  const Result<File> folder = folder_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  return replace_file(folder->fd(), kOwnFile, unique, text, sync);
}

Result<size_t> OwnUidList::append(std::span<const UidEntry> entries, Sync sync) const {
  const Result<File> folder = folder_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  const std::string path = folder_.path() + "/" + kOwnFile;
  const File file(::openat(folder->fd(), kOwnFile, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return os_fault("open", path);
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) return os_fault("stat", path);
  if (!S_ISREG(facts.st_mode)) return fail(FaultKind::syntax, path + " is no regular file");
  std::string text;
  char last = '\n';
  if (facts.st_size > 0 && ::pread(file.fd(), &last, 1, facts.st_size - 1) != 1)
    return os_fault("read", path);
  if (last != '\n') text += '\n';  // somebody died in the middle of a line
  for (const UidEntry& entry : entries) {
    if (entry.uid == 0 || !is_base(entry.base) || entry.base.find_first_of(":\n") != std::string::npos) {
      return fail(FaultKind::syntax, "not a name for a message");
    }
    text += line_of(entry);
  }
  if (Result<void> done = write_all(file.fd(), text, path); !done) return std::unexpected(done.error());
  if (sync == Sync::now) {
    if (Result<void> done = flush(file.fd(), path); !done) return std::unexpected(done.error());
  }
  if (entries.empty()) return 0;
  const size_t line = text.size() / entries.size();
  return (static_cast<size_t>(facts.st_size) + text.size()) / line;
}

}  // namespace posthouse::maildir
