// One Maildir folder: new/, cur/ and tmp/ in a directory. All calls block. Any thread; calls on one folder
// may run at the same time, and beside other programs. A folder or file that is a symbolic link is never
// followed (parts of the path above it may be), and nothing outside is touched.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/file.h"
#include "maildir/limits.h"
#include "maildir/name.h"

namespace posthouse::maildir {

enum class Where : uint8_t { fresh, current };  // new/, cur/

// A message's file at the moment somebody looked; others may rename it at any time.
struct Place {
  Where where = Where::fresh;
  std::string file;
  bool operator==(const Place&) const = default;
};

// How a folder looked, to tell cheaply whether it has changed.
struct State {
  struct Part {
    uint64_t device = 0, inode = 0, size = 0;
    int64_t modified = 0, changed = 0;  // nanoseconds, by the file system's clock
    bool operator==(const Part&) const = default;
  };
  Part fresh, current, keywords, own_keywords;
  // All of it was old enough by the file system's clock that no later change can have the same time.
  bool settled = false;

  // True only if nothing was put, renamed or removed between the two looks.
  bool is_same(const State& later) const;
  std::string to_text() const;  // to be kept; one line
  static std::optional<State> from_text(std::string_view text);
};

struct Found {
  std::string base;
  Place place;
  Marks marks;
  // Only if facts were asked for:
  bool has_facts = false;
  uint64_t size = 0;  // of the file
  SystemTime date{};  // its modification time: the internal date
};

struct Scan {
  State state;  // as it was before the folder was read
  // In order of arrival, each base once.
  std::vector<Found> messages;
  // Further messages whose base somebody gave twice; separate() gives them their own.
  std::vector<Found> doubles;
  // Nobody changed the folder while it was read. Otherwise a message that others renamed at that moment may
  // be missing: what is not here may still exist.
  bool complete = false;
};

class Folder {
 public:
  // `directory`, if given, is a folder within `root`. Neither may be a symbolic link.
  explicit Folder(const std::string& root, std::string directory = {});
  const std::string& path() const { return path_; }

  // The directory itself, by which files beside the messages are reached.
  Result<File> open_directory() const;
  Result<void> make() const;  // what is missing of it; its parent must exist
  bool exists() const;        // cur/ is there

  // To be compared with that of a scan; never settled itself. Cheap: some system calls, and nothing is
  // written.
  Result<State> state() const;
  using Wants = std::function<bool(std::string_view base)>;
  // `wants_facts`: the messages whose size and date are wanted; each costs a system call.
  Result<Scan> scan(const Wants& wants_facts = nullptr) const;

  // In all that follows, `key` is a message's base or its unique part, and `hint` where it was seen last: it
  // is tried first. No message: not_found. Others rename it all the time: temporary.
  Result<Place> find(std::string_view key, const std::optional<Place>& hint = std::nullopt) const;
  Result<Found> look(std::string_view key, const std::optional<Place>& hint = std::nullopt) const;
  Result<File> open_message(std::string_view key, const std::optional<Place>& hint = std::nullopt) const;

  // Changes flags and letters by renaming. A file in new/ goes to cur/ if it gets marks or `to_current`.
  Result<Place> change(std::string_view key, const std::optional<Place>& hint, const MarkChange& change,
                       Sync sync = Sync::now, bool to_current = false) const;
  // False: it was not there (any more).
  Result<bool> remove(std::string_view key, const std::optional<Place>& hint, Sync sync = Sync::now) const;
  // To another folder of the same file system, under `unique` there if given (idempotent: what is there under
  // that key already is fine), else under the same base. exists: that base is taken there. Marks stay.
  Result<Found> move(std::string_view key, const std::optional<Place>& hint, const Folder& to,
                     std::string_view unique = {}, Sync sync = Sync::now) const;
  // A double (from Scan::doubles) under a new base.
  Result<Place> separate(const Place& place, std::string_view unique) const;

  // Out of the folder into a plain folder `kept` that no reader of Maildir looks into (it is made), and back
  // to cur/. Both may be repeated after a crash. exists: put_back() finds the base taken.
  Result<std::string> take_out(std::string_view key, const std::optional<Place>& hint,
                               const std::string& kept,
                               Sync sync = Sync::now) const;  // the file's name there
  Result<Place> put_back(std::string_view key, const std::string& kept, const MarkChange& change = {},
                         Sync sync = Sync::now) const;

  // Flushes new/ and cur/ after calls with Sync::later; or only the one that they changed.
  Result<void> sync() const;
  Result<void> sync(Where where) const;
  // Flushes the bytes of all files that were prepared (Writer::prepare), by one flush of the file system.
  Result<void> flush_files() const;
  // Removes what was left in tmp/ long ago (36 hours, as the makers of Maildir have it).
  Result<size_t> clean_tmp(std::chrono::nanoseconds age = kTmpLife) const;

 private:
  friend class Writer;
  friend class OpenFolder;
  struct Folders;
  struct Entry;
  using Entries = std::vector<Entry>;
  // What stands in new/ and cur/; false ends it.
  using See = std::function<bool(Where where, std::string_view file, uint64_t inode)>;

  Result<Folders> open() const;
  Result<State> state_of(const Folders& folders) const;
  static std::optional<int64_t> disk_time(const Folders& folders);
  Result<bool> read_once(const Folders& folders, State& before, const See& see) const;
  Result<Entries> read_all(const Folders& folders, Scan& scan) const;
  static void tell_doubles(const Folders& folders, const Entries& entries, Scan& scan);
  Result<void> add_facts(const Folders& folders, const Wants& wants, std::vector<Found>& messages) const;
  Result<Place> find_in(const Folders& folders, std::string_view key, const std::optional<Place>& hint) const;
  using Rename = std::function<Result<int>(const Place& from)>;
  Result<File> open_in(const Folders& folders, std::string_view key, const std::optional<Place>& hint) const;
  Result<std::optional<Place>> remove_in(const Folders& folders, std::string_view key,
                                         const std::optional<Place>& hint) const;
  Result<Place> rename_found(const Folders& folders, std::string_view key, const std::optional<Place>& hint,
                             const Rename& rename) const;

  std::string root_;
  std::string directory_;
  std::string path_;
};

// A folder whose directories stay open, for the same work on many messages.
class OpenFolder {
 public:
  static Result<OpenFolder> open(const Folder& folder);
  ~OpenFolder();
  OpenFolder(OpenFolder&&) noexcept;
  OpenFolder& operator=(OpenFolder&&) = delete;

  // As those of Folder; nothing is flushed.
  Result<File> open_message(std::string_view key, const std::optional<Place>& hint) const;
  Result<bool> remove(std::string_view key, const std::optional<Place>& hint) const;

 private:
  OpenFolder(const Folder& folder, std::unique_ptr<Folder::Folders> folders);
  Folder folder_;
  std::unique_ptr<Folder::Folders> folders_;
};

}  // namespace posthouse::maildir
