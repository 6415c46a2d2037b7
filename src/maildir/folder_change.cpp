#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "maildir/folder.h"
#include "maildir/folder_impl.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

// The file of a message in a plain folder.
Result<std::optional<std::string>> file_in(int folder, const std::string& path, std::string_view key) {
  std::optional<std::string> file;
  const Result<void> read = each_entry(folder, path, [&](std::string_view name, unsigned char, uint64_t) {
    if (!is_message_name(name) || !same_message(name.substr(0, name.find(':')), key)) return true;
    file = std::string(name);
    return false;
  });
  if (!read) return std::unexpected(read.error());
  return file;
}

// The same file under another base; its marks stay.
std::string with_base(const std::string& file, std::string_view unique) {
  Name name = parse_name(file);
  const size_t comma = name.base.find(',');
  const std::string sizes = comma == std::string::npos || unique.find(',') != std::string_view::npos
                                ? std::string()
                                : name.base.substr(comma);
  name.stem = std::string(unique) + sizes;
  if (name.stem.size() > kMaxBase) name.stem = unique;
  return file.find(':') == std::string::npos ? name.stem : format_name(name);
}

}  // namespace

// Calls `rename` with the place where the message is, until it is not taken away under its hands: it returns
// 0, or -1 and errno.
Result<Place> Folder::rename_found(const Folders& folders, std::string_view key,
                                   const std::optional<Place>& hint, const Rename& rename) const {
  for (int tries = 0; tries < kRenameTries; ++tries) {
    const Result<Place> place = find_in(folders, key, tries == 0 ? hint : std::nullopt);
    if (!place) return place;
    const Result<int> done = rename(*place);
    if (!done) return std::unexpected(done.error());
    if (*done == 0) return place;
    if (errno != ENOENT) return os_fault("rename", path_ + "/" + name_of(place->where) + "/" + place->file);
  }
  return fail(FaultKind::temporary, fmt::format("{}: message {} is renamed all the time", path_, key));
}

Result<Place> Folder::change(std::string_view key, const std::optional<Place>& hint, const MarkChange& change,
                             Sync sync, bool to_current) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  Place after;
  const Result<Place> before = rename_found(*folders, key, hint, [&](const Place& from) -> Result<int> {
    const Marks marks = parse_name(from.file).marks;
    const bool stays_fresh = from.where == Where::fresh && !to_current && change.apply(marks).empty();
    after = from;
    if (stays_fresh || (from.where == Where::current && change.apply(marks) == marks)) return 0;
    Result<std::string> file = changed_name(from.file, change);
    if (!file) return std::unexpected(file.error());
    after = {Where::current, std::move(*file)};
    return rename_in(folders->of(from.where), from.file, folders->current.fd(), after.file);
  });
  if (!before) return before;
  // Also when nothing was left to do: a call before this one may have died between rename and flush.
  if (sync == Sync::now) {
    if (Result<void> flushed = flush(folders->of(after.where), path_); !flushed)
      return std::unexpected(flushed.error());
  }
  return after;
}

Result<std::optional<Place>> Folder::remove_in(const Folders& folders, std::string_view key,
                                               const std::optional<Place>& hint) const {
  const Result<Place> removed = rename_found(folders, key, hint, [&](const Place& from) -> Result<int> {
    return ::unlinkat(folders.of(from.where), from.file.c_str(), 0);
  });
  if (removed) return std::optional<Place>(*removed);
  if (removed.error().kind == FaultKind::not_found) return std::optional<Place>();
  return std::unexpected(removed.error());
}

Result<bool> Folder::remove(std::string_view key, const std::optional<Place>& hint, Sync sync) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  const Result<std::optional<Place>> removed = remove_in(*folders, key, hint);
  if (!removed) return std::unexpected(removed.error());
  const bool was_there = removed->has_value();
  if (sync == Sync::now) {
    for (const Where where : {Where::fresh, Where::current}) {
      if (was_there && where != (*removed)->where) continue;
      if (Result<void> flushed = flush(folders->of(where), path_); !flushed)
        return std::unexpected(flushed.error());
    }
  }
  return was_there;
}

Result<Found> Folder::move(std::string_view key, const std::optional<Place>& hint, const Folder& to,
                           std::string_view unique, Sync sync) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  const Result<Folders> target = to.open();
  if (!target) return std::unexpected(target.error());
  if (!unique.empty() && !is_usable_base(unique)) return fail(FaultKind::syntax, "not a name for a message");
  const std::string_view new_key = unique.empty() ? key : unique;
  // The same base with other flags is no obstacle to a rename, but to telling the two apart.
  const Result<Place> taken = to.find_in(*target, new_key, std::nullopt);
  if (!taken && taken.error().kind != FaultKind::not_found) return std::unexpected(taken.error());
  if (taken && unique.empty()) return fail(FaultKind::exists, fmt::format("{}: {} is there", to.path_, key));
  Place after = taken.value_or(Place{});
  if (!taken) {
    const Result<Place> moved = rename_found(*folders, key, hint, [&](const Place& from) -> Result<int> {
      after = {from.where, unique.empty() ? from.file : with_base(from.file, unique)};
      return rename_in(folders->of(from.where), from.file, target->of(after.where), after.file);
    });
    if (!moved) return std::unexpected(moved.error());
  }
  if (sync == Sync::now) {
    if (Result<void> flushed = to.sync(); !flushed) return std::unexpected(flushed.error());
    if (Result<void> flushed = this->sync(); !flushed) return std::unexpected(flushed.error());
  }
  return to.look(new_key, after);
}

Result<Place> Folder::separate(const Place& place, std::string_view unique) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  if (!is_usable_base(unique) || place.file.find('/') != std::string::npos || !is_message_name(place.file)) {
    return fail(FaultKind::syntax, "not a name for a message");
  }
  Place after{place.where, with_base(place.file, unique)};
  const int folder = folders->of(place.where);
  if (rename_in(folder, place.file, folder, after.file) != 0)
    return os_fault("rename", path_ + "/" + place.file);
  if (Result<void> flushed = flush(folder, path_); !flushed) return std::unexpected(flushed.error());
  return after;
}

Result<std::string> Folder::take_out(std::string_view key, const std::optional<Place>& hint,
                                     const std::string& kept, Sync sync) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  const Result<bool> made = make_folder_in(AT_FDCWD, without_slashes(kept));
  if (!made) return std::unexpected(made.error());
  const Result<File> target = open_folder(without_slashes(kept));
  if (!target) return std::unexpected(target.error());
  std::string file;
  const Result<Place> moved = rename_found(*folders, key, hint, [&](const Place& from) -> Result<int> {
    file = from.file;
    return rename_in(folders->of(from.where), from.file, target->fd(), file);
  });
  if (!moved) {
    // Perhaps this was done before a crash.
    const Result<std::optional<std::string>> there = file_in(target->fd(), kept, key);
    if (moved.error().kind != FaultKind::not_found || !there || !*there)
      return std::unexpected(moved.error());
    file = **there;
  }
  if (*made) {
    if (Result<void> flushed = flush_folder(parent_of(kept)); !flushed)
      return std::unexpected(flushed.error());
  }
  if (sync == Sync::now) {
    if (Result<void> flushed = flush(target->fd(), kept); !flushed) return std::unexpected(flushed.error());
    if (Result<void> flushed = this->sync(); !flushed) return std::unexpected(flushed.error());
  }
  return file;
}

Result<Place> Folder::put_back(std::string_view key, const std::string& kept, const MarkChange& change,
                               Sync sync) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  const Result<File> source = open_folder(without_slashes(kept));
  if (!source) return std::unexpected(source.error());
  const Result<std::optional<std::string>> there = file_in(source->fd(), kept, key);
  if (!there) return std::unexpected(there.error());
  Result<Place> taken = find_in(*folders, key, std::nullopt);
  if (!taken && taken.error().kind != FaultKind::not_found) return taken;
  if (taken && *there) return fail(FaultKind::exists, fmt::format("{}: {} is there", path_, key));
  if (!*there) {
    if (!taken) return taken;
  } else {
    Result<std::string> file = changed_name(**there, change);
    if (!file) return std::unexpected(file.error());
    taken = Place{Where::current, std::move(*file)};
    if (rename_in(source->fd(), **there, folders->current.fd(), taken->file) != 0) {
      return os_fault("rename", kept + "/" + **there);
    }
  }
  if (sync == Sync::now) {
    if (Result<void> flushed = flush(folders->of(taken->where), path_); !flushed) {
      return std::unexpected(flushed.error());
    }
  }
  return taken;
}

}  // namespace posthouse::maildir
