// Which message has which UID: Dovecot's `dovecot-uidlist`, which is read and never written, and our own
// `posthouse-uidlist`, from which an index that was lost gets back its UIDs and UIDVALIDITY.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "maildir/file.h"
#include "maildir/folder.h"

namespace posthouse::maildir {

struct UidEntry {
  uint32_t uid = 0;
  std::string base;
  std::string guid;  // Dovecot's, where it is not the base
  bool operator==(const UidEntry&) const = default;
};

struct UidList {
  uint32_t validity = 0;
  uint32_t next = 1;              // what the header says, but greater than every UID of the list
  std::string guid;               // of the folder: 32 hex digits, or empty
  std::vector<UidEntry> entries;  // by UID, each UID and each base once
  size_t damaged = 0;             // lines that could not be read, and were left out

  const UidEntry* find(std::string_view base) const;  // linear
};

// Whatever the bytes: what can be read of them. Nothing if not even the header can.
std::optional<UidList> parse_dovecot_uid_list(std::string_view text);
std::optional<UidList> parse_own_uid_list(std::string_view text);

// Nothing if the folder has none, or one without a readable header.
Result<std::optional<UidList>> read_dovecot_uid_list(const Folder& folder);

// `posthouse-uidlist` of a folder: a header, and a line for each UID that was given, in the order of UIDs.
// Those of messages that are gone stay until it is written anew. One writer at a time.
class OwnUidList {
 public:
  explicit OwnUidList(Folder folder) : folder_(std::move(folder)) {}

  bool exists() const;
  Result<std::optional<UidList>> read() const;
  // All of it anew. `unique` from NameMaker.
  Result<void> write(const UidList& list, const std::string& unique, Sync sync = Sync::now) const;
  // UIDs that were given since. not_found: write() it first. A line that a crash tore is left behind.
  // Returns about how many lines there are now.
  Result<size_t> append(std::span<const UidEntry> entries, Sync sync = Sync::now) const;
  // Worth writing anew: most of its lines are of messages that are gone.
  static bool is_wasteful(size_t lines, size_t messages) { return lines > 1000 && lines > 2 * messages; }

 private:
  Folder folder_;
};

}  // namespace posthouse::maildir
