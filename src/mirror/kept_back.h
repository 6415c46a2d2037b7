// The rows of an outbox that wait while others are carried out: those of a mailbox whose file another program
// keeps locked, and whatever counts on them.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "store/file_rows.h"

namespace posthouse::mirror {

// Of one pass over the outbox, in its order.
class KeptBack {
 public:
  bool holds(store::MailboxId mailbox) const { return mailboxes_.contains(mailbox); }
  bool holds(const store::EffectRow& row) const {
    if (row.mailbox != 0 && holds(row.mailbox)) return true;
    return is_about_names(row) && (touches(row.name) || touches(row.to));
  }
  // What follows of this mailbox waits.
  void add(store::MailboxId mailbox) { mailboxes_.insert(mailbox); }
  // The row waits, and what counts on it.
  void add(const store::EffectRow& row, uint64_t number) {
    using Kind = store::EffectRow::Kind;
    if (row.mailbox != 0) mailboxes_.insert(row.mailbox);
    if (is_about_names(row)) {
      names_.insert(row.name);
      if (!row.to.empty()) names_.insert(row.to);
    }
    if (row.kind == Kind::rename) old_names_.try_emplace(row.mailbox, row.name);
    last_ = std::max(last_, number);
    any_ = true;
  }

  bool any() const { return any_; }
  uint64_t last() const { return last_; }  // the highest number
  // The names that renamed mailboxes have in the files until they are carried out.
  const std::map<store::MailboxId, std::string>& old_names() const { return old_names_; }

 private:
  static bool is_about_names(const store::EffectRow& row) {
    using Kind = store::EffectRow::Kind;
    return row.kind == Kind::make || row.kind == Kind::rename || row.kind == Kind::erase;
  }
  static bool is_above(const std::string& level, const std::string& name) {
    return name.starts_with(level) && (name.size() == level.size() || name[level.size()] == '/');
  }
  bool touches(const std::string& name) const {
    if (name.empty()) return false;
    return std::ranges::any_of(
        names_, [&](const std::string& one) { return is_above(one, name) || is_above(name, one); });
  }

  std::set<store::MailboxId> mailboxes_;
  std::set<std::string> names_;  // of mailboxes that have yet to be made, renamed or removed
  std::map<store::MailboxId, std::string> old_names_;
  uint64_t last_ = 0;
  bool any_ = false;
};

}  // namespace posthouse::mirror
