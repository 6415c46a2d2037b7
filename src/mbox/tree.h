// The folders of one account: mbox files in directories, laid out as Dovecot's LAYOUT=fs: a mailbox is a
// file, what only holds others a directory. A name that is both has a file NAME and a directory NAME.sbd, as
// Thunderbird has it. INBOX is a file elsewhere; what lies below it is in a directory INBOX.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mbox/lock.h"

namespace posthouse::mbox {

struct Folder {
  std::string name;         // UTF-8, "/" between parts
  bool selectable = false;  // a mailbox; else it only holds others, or can't be read
  bool unread = false;      // a directory that can't be read: what is below is not told
};

// syntax: such a folder can't be made.
Result<void> check_new_name(std::string_view name);

// Blocking; keeps nothing in memory, so others may change the directories at any time. Symbolic links are
// passed over and refused: they could lead out of the root.
class Tree {
 public:
  // The root need not exist yet: it is made (0700) with the first folder.
  Tree(std::string root, std::string inbox, LockOptions lock = {});

  // INBOX first, also when it has no file yet; then the others in the order of their names. Dot files, lock
  // files, journals and files that don't begin like an mbox are left out. What has no name in modified UTF-7,
  // and in the root other spellings of INBOX, is shown under one of base/raw_name.h, which all calls know.
  Result<std::vector<Folder>> list() const;

  // Where the mailbox's file is or would be. syntax: no such name can be. policy: a part is a link, or
  // neither file nor directory.
  Result<std::string> path_of(std::string_view name) const;
  // Whether it has a file; whether something lies or could lie below it.
  bool is_mailbox(std::string_view name) const;
  bool is_holder(std::string_view name) const;

  // An empty mailbox, and the directories above it. exists: there is a folder or holder of that name.
  // "a/" makes a holder only.
  Result<void> create(std::string_view name) const;
  // A holder becomes able to be a mailbox, too: its directory NAME becomes NAME.sbd. Fine if it isn't one.
  Result<void> make_room(std::string_view name) const;
  // A mailbox, and its directory when that is empty; or a holder that is empty. not_found; exists: a mere
  // holder still holds others; policy: INBOX. Directories above that hold nothing any more stay.
  Result<void> remove(std::string_view name) const;
  // With all that it holds. What is below `to` already stays, and what would get the name of that stays where
  // it is. exists: `to` is a mailbox. For INBOX the caller moves the messages instead (RFC 9051 section
  // 6.3.6): policy.
  Result<void> rename(std::string_view from, std::string_view to) const;
  // What a crash left behind of it: the mailbox has its new name, and what is below it has not.
  Result<void> rename_below(std::string_view from, std::string_view to) const;

  // ROOT/.subscriptions, which Dovecot keeps there: read in both of its forms, written in the newer one under
  // the lock file that it uses. temporary: another program keeps that for longer than `patience` (none: that
  // of the options).
  Result<std::vector<std::string>> subscriptions() const;
  Result<void> subscribe(std::string_view name, bool subscribed,
                         std::optional<milliseconds> patience = {}) const;

 private:
  Result<std::string> make_above(std::string_view name) const;
  // The directories that hold what lies below it; `path` is its own.
  std::vector<std::string> holders_below(std::string_view name, const std::string& path) const;

  std::string root_;
  std::string inbox_;
  LockOptions lock_;
};

}  // namespace posthouse::mbox
