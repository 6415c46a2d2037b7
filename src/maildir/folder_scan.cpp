#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <iterator>

#include "base/ascii.h"
#include "maildir/folder.h"
#include "maildir/folder_impl.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

// Time of arrival as the name tells it: leading seconds, then microseconds where they are.
std::pair<uint64_t, uint64_t> arrival(std::string_view base) {
  const size_t digits = std::min(base.find_first_not_of("0123456789"), base.size());
  const std::optional<uint64_t> seconds = parse_uint(base.substr(0, digits));
  uint64_t micro = 0;
  const size_t m = base.find('M', digits);
  if (m != std::string_view::npos && base.substr(0, m).find('.', digits + 1) == std::string_view::npos) {
    const std::string_view rest = base.substr(m + 1);
    micro =
        parse_uint(rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()))).value_or(0);
  }
  return {seconds.value_or(UINT64_MAX), micro};
}

void sort_by_arrival(std::vector<Found>& messages) {
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, size_t>> order;
  order.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) order.emplace_back(arrival(messages[i].base), i);
  std::sort(order.begin(), order.end());  // they come sorted by base: equal times stay so
  std::vector<Found> sorted;
  sorted.reserve(messages.size());
  for (const auto& [time, i] : order) sorted.push_back(std::move(messages[i]));
  messages = std::move(sorted);
}

Found found(const Place& place) {
  return {.base = place.file.substr(0, place.file.find(':')), .place = place, .marks = marks_of(place.file)};
}

bool facts_of(int folder, Found& message) {
  struct stat facts{};
  if (::fstatat(folder, message.place.file.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) return false;
  message.has_facts = S_ISREG(facts.st_mode);
  message.size = static_cast<uint64_t>(facts.st_size);
  message.date = SystemTime(milliseconds(milliseconds_of(facts.st_mtim)));
  return message.has_facts;
}

// Is the directory entry a regular file? File systems may leave that to stat; what can't be looked at then is
// no reason to take a message for gone.
bool is_file(int folder, std::string_view name, unsigned char type) {
  if (type != DT_UNKNOWN) return type == DT_REG;
  struct stat facts{};
  if (::fstatat(folder, std::string(name).c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) return errno != ENOENT;
  return S_ISREG(facts.st_mode);
}

// Local file systems give every change the time of the kernel's tick; of others (network, FAT) it isn't
// known.
std::chrono::nanoseconds settling(int folder) {
  struct statfs facts{};
  if (::fstatfs(folder, &facts) != 0) return kSettling;
  switch (static_cast<uint32_t>(facts.f_type)) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return kFineSettling;
    default:
      return kSettling;
  }
}

void rest_a_moment(int pass) {
  const timespec pause{0, 2'000'000L << std::min(pass, 5)};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

// True if nobody changed the folder meanwhile. A change gets a time that is not earlier than this reading's
// beginning; so it shows, if what was there before is older than that.
Result<bool> Folder::read_once(const Folders& folders, State& before, const See& see) const {
  const std::optional<int64_t> begin = disk_time(folders);
  Result<State> state = state_of(folders);
  if (!state) return std::unexpected(state.error());
  const auto latest = [](const State& of) {
    return std::max({of.fresh.modified, of.fresh.changed, of.current.modified, of.current.changed});
  };
  const int64_t keywords = std::max(state->keywords.changed, state->own_keywords.changed);
  state->settled =
      begin && std::max(latest(*state), keywords) < *begin - settling(folders.current.fd()).count();
  before = *state;
  for (const Where where : {Where::fresh, Where::current}) {
    const int folder = folders.of(where);
    bool more = true;
    const Result<void> read =
        each_entry(folder, path_, [&](std::string_view name, unsigned char type, uint64_t inode) {
          if (is_message_name(name) && is_file(folder, name, type)) more = see(where, name, inode);
          return more;
        });
    if (!read) return std::unexpected(read.error());
    if (!more) break;
  }
  const Result<State> after = state_of(folders);
  if (!after) return std::unexpected(after.error());
  return begin && latest(before) < *begin && before.fresh == after->fresh && before.current == after->current;
}

// All files, by base; of each base those that were seen last come first.
Result<Folder::Entries> Folder::read_all(const Folders& folders, Scan& scan) const {
  Entries all;  // of all passes, if none was undisturbed
  for (int pass = 0; pass < kScanPasses && !scan.complete; ++pass) {
    if (pass > 0) rest_a_moment(pass);
    Entries seen;
    const Result<bool> quiet =
        read_once(folders, scan.state, [&](Where where, std::string_view file, uint64_t) {
          seen.push_back({{where, std::string(file)}, std::min(file.find(':'), file.size()), 0});
          return seen.size() <= kMaxMessages;
        });
    if (!quiet) return std::unexpected(quiet.error());
    if (seen.size() > kMaxMessages) return fail(FaultKind::syntax, fmt::format("{}: too many files", path_));
    scan.complete = *quiet;
    std::reverse(seen.begin(), seen.end());
    // Later passes know better; but what they don't see stays, for it may have been renamed under their eyes.
    if (!scan.complete)
      seen.insert(seen.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
    all = std::move(seen);
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].order = i;
  std::sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) {
    const int bases = a.base().compare(b.base());
    return bases != 0 ? bases < 0 : a.order < b.order;
  });
  return all;
}

// One message for each base. Of several files with one base only those that exist count, and one for each
// inode: a file that was renamed while the folder was read was seen under both names, a file with two links
// is one message.
void Folder::tell_doubles(const Folders& folders, const Entries& entries, Scan& scan) {
  scan.messages.reserve(entries.size());
  for (auto first = entries.begin(); first != entries.end();) {
    const auto end =
        std::find_if(first, entries.end(), [&](const Entry& entry) { return entry.base() != first->base(); });
    if (end - first == 1) {
      scan.messages.push_back(found(first++->place));
      continue;
    }
    std::vector<Found> real;
    std::vector<uint64_t> inodes;
    for (auto entry = first; entry != end; ++entry) {
      struct stat facts{};
      const int folder = folders.of(entry->place.where);
      if (::fstatat(folder, entry->place.file.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT && real.empty()) real.push_back(found(entry->place));
        continue;
      }
      if (std::find(inodes.begin(), inodes.end(), facts.st_ino) != inodes.end()) continue;
      inodes.push_back(facts.st_ino);
      real.push_back(found(entry->place));
    }
    // Renamed once more after all were seen: it is one message.
    if (real.empty()) real.push_back(found(first->place));
    scan.messages.push_back(std::move(real[0]));
    for (size_t i = 1; i < real.size(); ++i) scan.doubles.push_back(std::move(real[i]));
    first = end;
  }
}

Result<void> Folder::add_facts(const Folders& folders, const Wants& wants,
                               std::vector<Found>& messages) const {
  std::vector<Found> kept;
  kept.reserve(messages.size());
  for (Found& message : messages) {
    if (wants && wants(message.base) && !facts_of(folders.of(message.place.where), message)) {
      Result<Found> again = look(message.base);
      if (!again && again.error().kind == FaultKind::not_found) continue;  // removed since
      if (again) message = std::move(*again);
    }
    kept.push_back(std::move(message));
  }
  messages = std::move(kept);
  return {};
}

Result<Scan> Folder::scan(const Wants& wants_facts) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  Scan scan;
  const Result<Entries> entries = read_all(*folders, scan);
  if (!entries) return std::unexpected(entries.error());
  tell_doubles(*folders, *entries, scan);
  for (std::vector<Found>* messages : {&scan.messages, &scan.doubles}) {
    if (Result<void> added = add_facts(*folders, wants_facts, *messages); !added) {
      return std::unexpected(added.error());
    }
  }
  sort_by_arrival(scan.messages);
  return scan;
}

Result<Place> Folder::find_in(const Folders& folders, std::string_view key,
                              const std::optional<Place>& hint) const {
  const auto not_found = [&] {
    return fail(FaultKind::not_found, fmt::format("{}: no message {}", path_, key));
  };
  if (key.empty()) return not_found();
  if (hint && hint->file.find('/') == std::string::npos && is_message_name(hint->file)) {
    for (const Where where : {hint->where, Where::current}) {
      struct stat facts{};
      if (::fstatat(folders.of(where), hint->file.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISREG(facts.st_mode) && same_message(parse_name(hint->file).base, key)) {
        return Place{where, hint->file};
      }
    }
  }
  for (int pass = 0; pass < kFindPasses; ++pass) {
    if (pass > 0) rest_a_moment(pass);
    State before;
    std::optional<Place> place;
    const Result<bool> quiet = read_once(folders, before, [&](Where where, std::string_view file, uint64_t) {
      if (same_message(file.substr(0, file.find(':')), key)) place = Place{where, std::string(file)};
      return !place;
    });
    if (!quiet) return std::unexpected(quiet.error());
    if (place) return *place;
    if (*quiet) return not_found();
  }
  return fail(FaultKind::temporary, fmt::format("{}: message {} is renamed all the time", path_, key));
}

Result<Place> Folder::find(std::string_view key, const std::optional<Place>& hint) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  return find_in(*folders, key, hint);
}

Result<Found> Folder::look(std::string_view key, const std::optional<Place>& hint) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  for (int tries = 0; tries < kRenameTries; ++tries) {
    const Result<Place> place = find_in(*folders, key, tries == 0 ? hint : std::nullopt);
    if (!place) return std::unexpected(place.error());
    Found message = found(*place);
    if (facts_of(folders->of(place->where), message)) return message;
  }
  return fail(FaultKind::temporary, fmt::format("{}: message {} is renamed all the time", path_, key));
}

Result<File> Folder::open_message(std::string_view key, const std::optional<Place>& hint) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  return open_in(*folders, key, hint);
}

Result<File> Folder::open_in(const Folders& folders, std::string_view key,
                             const std::optional<Place>& hint) const {
  for (int tries = 0; tries < kRenameTries; ++tries) {
    const Result<Place> place = find_in(folders, key, tries == 0 ? hint : std::nullopt);
    if (!place) return std::unexpected(place.error());
    Result<File> file = open_file_in(folders.of(place->where), place->file);
    if (file || file.error().kind != FaultKind::not_found) return file;
  }
  return fail(FaultKind::temporary, fmt::format("{}: message {} is renamed all the time", path_, key));
}

OpenFolder::OpenFolder(const Folder& folder, std::unique_ptr<Folder::Folders> folders)
    : folder_(folder), folders_(std::move(folders)) {}

OpenFolder::~OpenFolder() = default;

OpenFolder::OpenFolder(OpenFolder&&) noexcept = default;

Result<OpenFolder> OpenFolder::open(const Folder& folder) {
  Result<Folder::Folders> folders = folder.open();
  if (!folders) return std::unexpected(folders.error());
  return OpenFolder(folder, std::make_unique<Folder::Folders>(std::move(*folders)));
}

Result<File> OpenFolder::open_message(std::string_view key, const std::optional<Place>& hint) const {
  return folder_.open_in(*folders_, key, hint);
}

Result<bool> OpenFolder::remove(std::string_view key, const std::optional<Place>& hint) const {
  const Result<std::optional<Place>> removed = folder_.remove_in(*folders_, key, hint);
  return removed ? Result<bool>(removed->has_value()) : std::unexpected(removed.error());
}

}  // namespace posthouse::maildir
