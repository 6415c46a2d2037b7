// The folders of an account, as Maildir++ has them: INBOX is the root itself, all others are directories
// ".A.B" in it. All calls block. Names are UTF-8 with "/" between levels; none leads out of the root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/folder.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

struct FolderEntry {
  std::string name;
  std::string directory;    // in the root; empty: the root itself
  bool raw = false;         // its name can't be decoded; `name` is what to show for it (base/raw_name.h)
  bool unreadable = false;  // it is there, and perhaps a folder
};

class Tree {
 public:
  explicit Tree(std::string root) : root_(without_slashes(std::move(root))) {}
  const std::string& root() const { return root_; }

  Result<void> make() const;                           // the root with INBOX
  Result<std::vector<FolderEntry>> list() const;       // INBOX first, the others by directory
  Result<Folder> folder(std::string_view name) const;  // not_found if it is not there
  Folder folder_of(const FolderEntry& entry) const { return Folder(root_, entry.directory); }

  // `unique`: from NameMaker, for the folder's name while it is made or deleted.
  Result<Folder> create(std::string_view name, const std::string& unique) const;
  // With all that is below it. exists: one of the new names is taken. After a crash it may be called again.
  // INBOX: policy (its messages are moved, RFC 9051 section 6.3.6; that is for the caller).
  Result<void> rename(std::string_view from, std::string_view to) const;
  // Out of every reader's sight in one step, inferiors stay: gives the path where its files are until
  // destroy().
  Result<std::string> detach(std::string_view name, const std::string& unique) const;
  // Removes what detach() gave, and all in it.
  Result<void> destroy(const std::string& detached) const;
  // The folders that were detached and not destroyed, and those that were made and never finished.
  Result<std::vector<std::string>> leftovers() const;

 private:
  Result<std::string> directory_of(std::string_view name) const;
  std::string root_;
};

// The file `subscriptions` as Dovecot has it.
class Subscriptions {
 public:
  Subscriptions(Folder root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}

  // Names that can't be decoded are left out here, and kept in the file.
  Result<std::vector<std::string>> read() const;
  // Under Dovecot's lock. False: it was so already. temporary: another program keeps it for longer.
  Result<bool> set(std::string_view name, bool subscribed, const std::string& unique,
                   milliseconds patience = kLockPatience) const;

 private:
  Folder root_;
  const Clock& clock_;
};

// The lines of such a file; for tests.
struct SubscriptionLines {
  bool with_tabs = true;           // version 2; else the levels have dots between them, and no header
  std::vector<std::string> lines;  // without header
};
SubscriptionLines parse_subscriptions(std::string_view text);
std::string format_subscriptions(const SubscriptionLines& lines);

}  // namespace posthouse::maildir
