// Writes a message into a folder: tmp/ first, then by a rename into new/ or cur/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/file.h"
#include "maildir/folder.h"
#include "maildir/line_ends.h"
#include "maildir/name.h"

namespace posthouse::maildir {

// How a message is put into its folder.
struct Commit {
  // The key by which it is found again; with "," it is the whole base, else sizes are added.
  std::string unique = {};
  Where where = Where::fresh;  // marks put it into cur/ anyway
  Marks marks = {};
  std::optional<SystemTime> date = std::nullopt;  // the internal date, kept as the file's time
  Sync sync = Sync::now;  // later: the file is flushed, its folder by Folder::sync(), for many at once
  // After a crash: looks first whether it is there already (reads the folder).
  bool again = false;
};

struct Committed {
  std::string base;
  Place place;
  bool was_there = false;  // and nothing was written
};

// Not thread-safe. What was not committed is removed when it is destroyed.
class Writer {
 public:
  // `tmp_name`: from NameMaker::unique(), never used before.
  static Result<Writer> open(const Folder& folder, std::string tmp_name);
  ~Writer();
  Writer(Writer&& other) noexcept;
  Writer& operator=(Writer&&) = delete;

  // Bytes of the message, CRLF and all. After a fault nothing more is taken, and commit() gives the fault.
  Result<void> append(std::string_view bytes);
  // So far: bytes of the file, and of the message that a reader will see.
  uint64_t size() const { return line_ends_.size(); }
  uint64_t crlf_size() const { return line_ends_.crlf_size(); }
  // A reader will see the very bytes that were appended. Not so after a bare LF.
  bool exact() const { return line_ends_.exact(); }

  // For many at once: writes the file but does not flush it. The caller flushes all of them
  // (Folder::flush_files) before it commits them.
  Result<void> prepare(const Commit& commit);
  // When it returns, file and folder are on the disk. After a fault it may be there or not; doing all of it
  // once more with `again` is safe.
  Result<Committed> commit(const Commit& commit);

 private:
  Writer(Folder folder, Folder::Folders folders, std::string tmp_name, File file);
  Result<void> write_out();
  Result<void> finish_file(const Commit& commit, Sync sync);
  Result<std::optional<Committed>> find_earlier(const Commit& commit);
  Result<Committed> place(const Commit& commit);
  void abandon();

  Folder folder_;
  std::unique_ptr<Folder::Folders> folders_;
  std::string tmp_name_;  // empty when there is nothing to remove
  File file_;
  ToFile line_ends_;
  std::string buffer_;
  std::optional<Fault> fault_;
  bool prepared_ = false;
};

}  // namespace posthouse::maildir
