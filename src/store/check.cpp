#include "store/check.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/id.h"
#include "engine/blob_format.h"
#include "store/annotations.h"
#include "store/limits.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

uint64_t reference_hash(engine::BlobId blob, std::string_view reference) {
  return XXH3_64bits_withSeed(reference.data(), reference.size(), blob);
}

std::string place(AccountId account, const MailboxRow& mailbox) {
  return fmt::format("account {} mailbox {}", format_id(account), mailbox.name);
}

}  // namespace

Result<void> Checker::run(const std::vector<AccountId>& accounts) {
  Result<void> done = count_work(accounts);
  if (!done) return done;
  for (const AccountId account : accounts) {
    done = check_account(account);
    if (!done) return done;
    ++report_.accounts;
    step();
  }
  Result<void> together = check_groups();
  if (together) together = check_shares();
  if (!together) return together;
  done = check_blobs();
  for (const AccountId account : accounts) {
    if (done && !unreadable_.empty()) done = name_owners(account);
  }
  for (const auto& [blob, body] : unreadable_) {
    if (body.count == 0) {
      problem(body.what);
      continue;
    }
    problem(fmt::format(
        "{}: the body of {}{}; delete it with a mail program and use `posthouse mailbox purge`", body.what,
        body.owners, body.count > 1 ? fmt::format(" and {} more", body.count - 1) : ""));
  }
  return done;
}

// Which letters have a body that can't be read, so that somebody can delete them.
Result<void> Checker::name_owners(AccountId account) {
  const auto own = [&](engine::BlobId blob, const std::function<std::string()>& name) {
    auto found = unreadable_.find(blob);
    if (found == unreadable_.end() && was_passed_over(blob)) found = look_at(blob);
    if (found == unreadable_.end()) return;
    if (found->second.count++ == 0) found->second.owners = name();
  };
  std::map<MailboxId, std::string> names;
  const engine::Partition partition = account_partition(account);
  Result<void> done = reader_.scan(partition, kMailboxPrefix, prefix_end(std::string(kMailboxPrefix)),
                                   [&](std::string_view key, std::string_view value) {
                                     const Result<MailboxRow> row =
                                         decode_mailbox(mailbox_of_key(key), value);
                                     if (row) names[row->id] = row->name;
                                     return true;
                                   });
  for (const auto& [id, name] : names) {
    if (!done) return done;
    done = AccountView(reader_, account).for_each(id, 0, UINT32_MAX, [&](Uid uid, const FlagRow& row) {
      own(row.blob,
          [&] { return fmt::format("account {} mailbox {} message {}", format_id(account), name, uid); });
      return true;
    });
  }
  if (!done) return done;
  return reader_.scan(partition, kKeptPrefix, prefix_end(std::string(kKeptPrefix)),
                      [&](std::string_view key, std::string_view value) {
                        const Result<KeptRow> row = decode_kept(value);
                        if (!row) return true;
                        own(row->blob, [&] {
                          return fmt::format("account {} expunged message {}", format_id(account),
                                             kept_place(key).uid);
                        });
                        return true;
                      });
}

Result<void> Checker::count_work(const std::vector<AccountId>& accounts) {
  total_ = accounts.size();
  return reader_.partitions(engine::PartitionKind::blob, 0, [this](uint64_t) {
    ++total_;
    return true;
  });
}

void Checker::step() {
  ++done_;
  if (progress_) progress_(done_, total_);
}

void Checker::problem(std::string line) {
  if (report_.problems.size() < kMaxProblems) report_.problems.push_back(std::move(line));
}

Result<void> Checker::check_account(AccountId account) {
  const engine::Partition partition = account_partition(account);
  const std::string name = "account " + format_id(account);
  const Result<std::optional<std::string>> record = reader_.get(partition, kHeadKey);
  if (!record) return std::unexpected(record.error());
  if (!*record) {
    problem(name + ": has no mailboxes");
    return {};
  }
  const Result<HeadRow> head = decode_head(**record);
  if (!head) {
    problem(name + ": " + head.error().what);
    return {};
  }
  in_files_ = head->in_files;
  std::vector<MailboxRow> mailboxes;
  const std::string end = prefix_end(std::string(kMailboxPrefix));
  Result<void> done =
      reader_.scan(partition, kMailboxPrefix, end, [&](std::string_view key, std::string_view value) {
        Result<MailboxRow> row = decode_mailbox(mailbox_of_key(key), value);
        if (row) {
          mailboxes.push_back(std::move(*row));
        } else {
          problem(fmt::format("{} mailbox {}: {}", name, mailbox_of_key(key), row.error().what));
        }
        return true;
      });
  if (done) done = check_names(account, mailboxes);
  if (done) done = check_annotations(account, *head, mailboxes);
  if (done) done = check_rights(account, mailboxes);
  if (done) done = note_dying(account);
  if (!done) return done;
  uint64_t messages = 0, bytes = 0;
  for (const MailboxRow& mailbox : mailboxes) {
    ++report_.mailboxes;
    done = check_mailbox(account, *head, mailbox);
    if (!done) return done;
    messages += mailbox.exists;
    bytes += mailbox.bytes;
  }
  if (messages != head->messages || bytes != head->bytes) {
    problem(fmt::format("{}: counts {} messages of {} bytes, its mailboxes have {} of {}", name,
                        head->messages, head->bytes, messages, bytes));
  }
  if (mailboxes.size() != head->mailboxes) {
    problem(fmt::format("{}: counts {} mailboxes and has {}", name, head->mailboxes, mailboxes.size()));
  }
  if (!head->group.empty()) {
    GroupRow& group = groups_[head->group];
    group.messages += head->messages;
    group.bytes += head->bytes;
  }
  return check_kept(account, *head);
}

// The reference can be made again as long as there is a body that could have it.
std::string Checker::unknown_to_body(engine::BlobId blob, std::string_view if_gone) const {
  const Result<uint64_t> size = engine::blob_size(reader_, blob);
  if (size) return "its body does not know it; `posthouse store repair`, with the server stopped, mends that";
  return fmt::format("its body does not know it, for that is lost; {}", if_gone);
}

// Expunged messages that may come back: each has its body for itself, and the head counts them.
Result<void> Checker::check_kept(AccountId account, const HeadRow& head) {
  const std::string name = "account " + format_id(account);
  uint64_t messages = 0, bytes = 0;
  Result<void> inside;
  const std::string end = prefix_end(std::string(kKeptPrefix));
  const Result<void> scanned = reader_.scan(
      account_partition(account), kKeptPrefix, end, [&](std::string_view key, std::string_view value) {
        const KeptPlace place = kept_place(key);
        const auto bad = [&](std::string_view what) {
          problem(
              fmt::format("{} expunged message {} of mailbox {}: {}", name, place.uid, place.mailbox, what));
        };
        ++messages;
        ++report_.kept;
        const Result<KeptRow> row = decode_kept(value);
        if (!row) {
          bad(row.error().what);
          return true;
        }
        bytes += row->size;
        const std::string reference = MailStore::blob_reference(account, row->delivery);
        const Result<bool> there = engine::has_reference(reader_, row->blob, reference);
        if (!there) {
          inside = std::unexpected(there.error());
          return false;
        }
        if (!*there) bad(unknown_to_body(row->blob, "use `posthouse mailbox purge`"));
        if (!references_.insert(reference_hash(row->blob, reference)).second)
          bad("another message has the same reference to its body");
        return true;
      });
  if (!scanned || !inside) return scanned ? inside : scanned;
  if (messages != head.kept_messages || bytes != head.kept_bytes) {
    problem(fmt::format("{}: counts {} expunged messages of {} bytes and has {} of {}", name,
                        head.kept_messages, head.kept_bytes, messages, bytes));
  }
  const Result<std::optional<std::string>> hint = reader_.get(engine::hints_partition(), kept_hint(account));
  if (!hint) return std::unexpected(hint.error());
  if (messages > 0 && !*hint) problem(name + ": nothing leads the purge to its expunged messages");
  return {};
}

// What a domain counts is what its accounts count.
Result<void> Checker::check_groups() {
  const std::string end = prefix_end(std::string(kGroupPrefix));
  const Result<void> scanned =
      reader_.scan(kStorePartition, kGroupPrefix, end, [&](std::string_view key, std::string_view value) {
        const std::string name(key.substr(kGroupPrefix.size()));
        const Result<GroupRow> row = decode_group(value);
        if (!row) {
          problem(fmt::format("domain {0}: {1}; `posthouse domain recount {0}` mends it", name,
                              row.error().what));
        } else if (row->messages != groups_[name].messages || row->bytes != groups_[name].bytes) {
          problem(
              fmt::format("domain {0}: counts {1} messages of {2} bytes, its accounts have {3} of {4}; "
                          "`posthouse domain recount {0}` mends it",
                          name, row->messages, row->bytes, groups_[name].messages, groups_[name].bytes));
        }
        groups_.erase(name);
        return true;
      });
  for (const auto& [name, group] : groups_) {
    if (group.messages == 0) continue;
    problem(
        fmt::format("domain {0}: counts nothing, its accounts have {1} messages; "
                    "`posthouse domain recount {0}` mends it",
                    name, group.messages));
  }
  return scanned;
}

// Messages of deleted mailboxes still refer to their bodies until they are purged.
Result<void> Checker::note_dying(AccountId account) {
  std::vector<MailboxId> dying;
  const std::string end = prefix_end(std::string(kDyingPrefix));
  Result<void> done = reader_.scan(account_partition(account), kDyingPrefix, end,
                                   [&](std::string_view key, std::string_view) {
                                     dying.push_back(mailbox_of_key(key));
                                     return true;
                                   });
  for (const MailboxId mailbox : dying) {
    if (!done) break;
    const AccountView seen(reader_, account, AccountView::Expunged::shown);
    done = seen.for_each(mailbox, 0, UINT32_MAX, [&](Uid, const FlagRow& row) {
      references_.insert(reference_hash(row.blob, MailStore::blob_reference(account, row.delivery)));
      return true;
    });
  }
  return done;
}

// Every mailbox has its name, and every name its mailbox.
Result<void> Checker::check_names(AccountId account, const std::vector<MailboxRow>& mailboxes) {
  std::map<std::string, MailboxId> names;
  const std::string name = "account " + format_id(account);
  const std::string end = prefix_end(std::string(kNamePrefix));
  const Result<void> scanned = reader_.scan(
      account_partition(account), kNamePrefix, end, [&](std::string_view key, std::string_view value) {
        const Result<MailboxId> id = decode_mailbox_id(value);
        if (!id) problem(fmt::format("{} name {}: {}", name, key.substr(1), id.error().what));
        names.emplace(key.substr(1), id ? *id : 0);
        return true;
      });
  if (!scanned) return scanned;
  for (const MailboxRow& mailbox : mailboxes) {
    const auto found = names.find(mailbox.name);
    if (found == names.end() || found->second != mailbox.id) {
      problem(place(account, mailbox) + ": its name does not lead to it");
    } else {
      names.erase(found);
    }
  }
  for (const auto& [left, id] : names) problem(fmt::format("{} name {}: leads to no mailbox", name, left));
  return {};
}

// Each belongs to the account or to one of its mailboxes, and they are counted.
Result<void> Checker::check_annotations(AccountId account, const HeadRow& head,
                                        const std::vector<MailboxRow>& mailboxes) {
  const std::string name = "account " + format_id(account);
  const engine::Partition partition = account_partition(account);
  std::set<MailboxId> there{0};
  for (const MailboxRow& mailbox : mailboxes) there.insert(mailbox.id);
  AnnotationsRow real;
  const Result<void> scanned = reader_.scan(
      partition, annotations_begin(0), prefix_end(std::string(kAnnotationsKey)),
      [&](std::string_view key, std::string_view value) {
        const std::string_view entry = annotation_name(key);
        const auto bad = [&](std::string_view what) {
          problem(fmt::format("{} annotation {} of mailbox {}: {}", name, entry, mailbox_of_key(key), what));
        };
        const Result<AnnotationRow> row = decode_annotation(value);
        if (!row) bad(row.error().what);
        if (row && row->modseq > head.modseq) bad("MODSEQ is above the account's");
        if (!there.contains(mailbox_of_key(key))) bad("there is no such mailbox");
        ++real.count;
        real.bytes += entry.size() + (row ? row->value.size() : 0);
        return true;
      });
  if (!scanned) return scanned;
  const Result<std::optional<std::string>> record = reader_.get(partition, kAnnotationsKey);
  if (!record) return std::unexpected(record.error());
  const Result<AnnotationsRow> counted = *record ? decode_annotations(**record) : AnnotationsRow();
  if (!counted) {
    problem(name + ": " + counted.error().what);
  } else if (counted->count != real.count || counted->bytes != real.bytes) {
    problem(fmt::format("{}: counts {} annotations of {} bytes and has {} of {}", name, counted->count,
                        counted->bytes, real.count, real.bytes));
  }
  return {};
}

Result<void> Checker::check_mailbox(AccountId account, const HeadRow& head, const MailboxRow& mailbox) {
  Counted counted;
  ModSeq created = 0;
  Result<void> inside;
  const Result<ExpungedRow> hidden = find_hidden(account, mailbox);
  if (!hidden) return std::unexpected(hidden.error());
  const Result<void> told = find_pending(account, mailbox);
  if (!told) return told;
  const Result<void> scanned = reader_.scan(
      account_partition(account), flags_key(mailbox.id, 0), flags_end(mailbox.id, UINT32_MAX),
      [&](std::string_view key, std::string_view value) {
        const Uid uid = uid_of_key(key);
        counted.last = uid;
        if (hidden->contains(uid)) return see_hidden(account, value);
        ++counted.exists;
        ++report_.messages;
        Result<FlagRow> row = decode_flags(value);
        if (!row) {
          problem(fmt::format("{} message {}: {}", place(account, mailbox), uid, row.error().what));
          return true;
        }
        pending_.apply(uid, *row);
        counted.bytes += row->size;
        counted.unseen += (row->system & kSeen) == 0 ? 1 : 0;
        counted.deleted += (row->system & kDeleted) != 0 ? 1 : 0;
        if (row->created < created || row->modseq < row->created || row->modseq > mailbox.highest_modseq) {
          problem(fmt::format("{} message {}: MODSEQ is out of order", place(account, mailbox), uid));
        }
        created = row->created;
        inside = check_message(account, mailbox, uid, *row);
        return inside.has_value();
      });
  if (!scanned) return scanned;
  if (!inside) return inside;
  compare(account, mailbox, counted);
  if (mailbox.highest_modseq > head.modseq)
    problem(place(account, mailbox) + ": MODSEQ is above the account's");
  if (mailbox.id >= head.next_mailbox) problem(place(account, mailbox) + ": id is above the account's");
  if (mailbox.uid_validity > head.last_uid_validity) {
    problem(place(account, mailbox) + ": UIDVALIDITY is above the account's");
  }
  Result<void> records = check_records(account, mailbox);
  if (!records) return records;
  return check_changes(account, mailbox, *hidden);
}

Result<ExpungedRow> Checker::find_hidden(AccountId account, const MailboxRow& mailbox) {
  const Result<std::optional<std::string>> record =
      reader_.get(account_partition(account), expunged_key(mailbox.id));
  if (!record) return std::unexpected(record.error());
  Result<ExpungedRow> hidden = *record ? decode_expunged(**record) : ExpungedRow();
  if (hidden) return hidden;
  problem(fmt::format("{}: {}", place(account, mailbox), hidden.error().what));
  return ExpungedRow();
}

Result<void> Checker::find_pending(AccountId account, const MailboxRow& mailbox) {
  const Result<std::optional<std::string>> record =
      reader_.get(account_partition(account), pending_key(mailbox.id));
  if (!record) return std::unexpected(record.error());
  Result<PendingFlags> pending = *record ? decode_pending(**record) : PendingFlags();
  if (!pending) problem(fmt::format("{}: {}", place(account, mailbox), pending.error().what));
  pending_ = pending ? std::move(*pending) : PendingFlags();
  return {};
}

// An expunged message whose rows are still to be removed refers to its body.
bool Checker::see_hidden(AccountId account, std::string_view value) {
  if (const Result<FlagRow> row = decode_flags(value))
    references_.insert(reference_hash(row->blob, MailStore::blob_reference(account, row->delivery)));
  return true;
}

void Checker::compare(AccountId account, const MailboxRow& mailbox, const Counted& counted) {
  const auto differ = [&](const char* what, uint64_t row, uint64_t real) {
    if (row != real)
      problem(fmt::format("{}: counts {} {} and has {}", place(account, mailbox), row, what, real));
  };
  differ("messages", mailbox.exists, counted.exists);
  differ("unseen messages", mailbox.unseen, counted.unseen);
  differ("deleted messages", mailbox.deleted, counted.deleted);
  differ("bytes", mailbox.bytes, counted.bytes);
  if (counted.last >= mailbox.uid_next) problem(place(account, mailbox) + ": a UID is above UIDNEXT");
}

Result<void> Checker::check_message(AccountId account, const MailboxRow& mailbox, Uid uid,
                                    const FlagRow& row) {
  const auto bad = [&](std::string_view what) {
    problem(fmt::format("{} message {}: {}", place(account, mailbox), uid, what));
  };
  const Result<std::optional<std::string>> record =
      reader_.get(account_partition(account), message_key(mailbox.id, uid));
  if (!record) return std::unexpected(record.error());
  if (!*record) {
    bad("has no record");
  } else if (const Result<MessageRow> message = decode_message(**record); !message) {
    bad(message.error().what);
  } else if ((row.blob != 0 && !in_files_ && message->blob != row.blob) || message->size != row.size) {
    bad("record and flags differ");
  }
  const std::string reference = MailStore::blob_reference(account, row.delivery);
  if (row.blob == 0) {
    if (!in_files_) bad("has no body");
    return {};
  }
  const Result<bool> there = engine::has_reference(reader_, row.blob, reference);
  if (!there) return std::unexpected(there.error());
  if (!*there)
    bad(unknown_to_body(row.blob, "delete it with a mail program and use `posthouse mailbox purge`"));
  references_.insert(reference_hash(row.blob, reference));
  return {};
}

// Records without flags.
Result<void> Checker::check_records(AccountId account, const MailboxRow& mailbox) {
  Result<void> inside;
  const engine::Partition partition = account_partition(account);
  const Result<void> scanned = reader_.scan(
      partition, message_key(mailbox.id, 0), message_end(mailbox.id, UINT32_MAX),
      [&](std::string_view key, std::string_view) {
        const Uid uid = uid_of_key(key);
        const Result<std::optional<std::string>> flags = reader_.get(partition, flags_key(mailbox.id, uid));
        if (!flags) {
          inside = std::unexpected(flags.error());
        } else if (!*flags) {
          problem(fmt::format("{} message {}: has no flags", place(account, mailbox), uid));
        }
        return inside.has_value();
      });
  return scanned ? inside : scanned;
}

// A change leads to the message as it is; an expunged one is gone.
Result<void> Checker::check_changes(AccountId account, const MailboxRow& mailbox, const ExpungedRow& hidden) {
  Result<void> inside;
  uint64_t expunges = 0;
  const std::string end = prefix_end(change_key(mailbox.id, UINT64_MAX, UINT32_MAX));
  const Result<void> scanned =
      reader_.scan(account_partition(account), change_key(mailbox.id, 0, 0), end,
                   [&](std::string_view key, std::string_view value) {
                     const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
                     if (!row) {
                       problem(fmt::format("{} change of {}: {}", place(account, mailbox), uid_of_key(key),
                                           row.error().what));
                       return true;
                     }
                     if (row->expunged) expunges += row->size();
                     row->for_each([&](Uid uid, ModSeq) {
                       if (row->expunged && hidden.contains(uid)) return true;
                       inside = check_change(account, mailbox, *row, {modseq_of_key(key), uid});
                       return inside.has_value();
                     });
                     return inside.has_value();
                   });
  // Rows of version 1 did not count them, so there may be more.
  if (mailbox.expunges > expunges) {
    problem(fmt::format("{}: counts {} expunges and has {}", place(account, mailbox), mailbox.expunges,
                        expunges));
  }
  return scanned ? inside : scanned;
}

Result<void> Checker::check_change(AccountId account, const MailboxRow& mailbox, const ChangeRow& row,
                                   const Change& change) {
  const auto bad = [&](std::string_view what) {
    problem(fmt::format("{} change of {}: {}", place(account, mailbox), change.uid, what));
  };
  if (row.expunged && change.modseq < mailbox.forgotten) bad("should be forgotten");
  const Result<std::optional<std::string>> record =
      reader_.get(account_partition(account), flags_key(mailbox.id, change.uid));
  if (!record) return std::unexpected(record.error());
  if (record->has_value() == row.expunged) bad("does not fit the message");
  Result<FlagRow> flags = *record ? decode_flags(**record) : Result<FlagRow>(FlagRow());
  if (!*record || !flags) return {};
  pending_.apply(change.uid, *flags);
  if (flags->modseq != change.modseq) {
    bad("has another MODSEQ than the message");
  } else if (flags->shares != row.shared) {
    bad("is not where the message says");
  }
  return {};
}

bool Checker::was_passed_over(engine::BlobId blob) const {
  const auto range = std::ranges::lower_bound(passed_over_, blob, {}, &std::pair<uint64_t, uint64_t>::second);
  return range != passed_over_.end() && range->first <= blob;
}

Checker::Bodies::iterator Checker::look_at(engine::BlobId blob) {
  const Result<void> sound = engine::check_blob(raw_, blob);
  if (sound || unreadable_.size() >= kMaxProblems) return unreadable_.end();
  ++report_.blobs;
  return unreadable_.emplace(blob, Unreadable{sound.error().what, "", 0}).first;
}

// Of bodies that can't be read in a row (a file of theirs is cut off) only the last one is listed; letters
// lead to the others.
Result<void> Checker::check_blobs() {
  Result<void> inside;
  uint64_t next = 0;
  const Result<void> listed = reader_.partitions(engine::PartitionKind::blob, 0, [&](uint64_t blob) {
    ++report_.blobs;
    const Result<void> sound = engine::check_blob(raw_, blob);
    inside = check_references(blob);
    // A body that is being written has no head yet.
    const bool headless = !sound && sound.error().kind == FaultKind::not_found;
    const Result<std::optional<std::string>> writing =
        reader_.get(engine::hints_partition(), engine::unfinished_hint(blob));
    if (!sound && !(headless && writing && *writing)) {
      if (unreadable_.size() < kMaxProblems) unreadable_[blob].what = sound.error().what;
      if (next < blob) passed_over_.emplace_back(next, blob - 1);
    }
    next = blob + 1;
    step();
    return inside.has_value();
  });
  if (unjudged_ > 0) {
    problem(fmt::format("{} references of bodies belong to no message that can be read", unjudged_));
  }
  return listed ? inside : listed;
}

// Those of accounts must belong to a message; of the others their owners know.
Result<void> Checker::check_references(engine::BlobId blob) {
  const Result<std::vector<std::string>> references = engine::blob_references(reader_, blob);
  if (!references) return std::unexpected(references.error());
  for (const std::string& reference : *references) {
    if (!reference.starts_with('a') || references_.contains(reference_hash(blob, reference))) continue;
    if (reader_.missed_accounts()) {
      ++unjudged_;
      continue;
    }
    problem(fmt::format("blob {}: reference {} belongs to no message", format_id(blob), reference));
  }
  if (!references->empty()) return {};
  for (const std::string& hint : {engine::dropped_hint(blob), engine::unfinished_hint(blob)}) {
    const Result<std::optional<std::string>> marked = reader_.get(engine::hints_partition(), hint);
    if (!marked) return std::unexpected(marked.error());
    if (*marked) return {};
  }
  problem(fmt::format("blob {}: nothing refers to it", format_id(blob)));
  return {};
}

Task<Result<MailStore::CheckReport>> MailStore::check(std::vector<AccountId> accounts,
                                                      std::function<void(uint64_t, uint64_t)> progress) {
  CheckReport report;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    Checker checker(reader, report, progress);
    return checker.run(accounts);
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  for (const AccountId account : accounts) {
    if (done && impl_->in_files(account)) done = co_await check_files(account, report);
  }
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(report);
}

// Every letter that is in a file is read, as a client would.
Task<Result<void>> MailStore::check_files(AccountId account, CheckReport& report) {
  Result<std::vector<MailboxInfo>> known = co_await mailboxes(account);
  if (!known) co_return Result<void>();  // told already
  for (const MailboxInfo& mailbox : *known) {
    // Else what is gone has left the index by now.
    const Result<void> looked = co_await impl_->files->look(account, mailbox.id);
    const auto tell = [&](Uid uid, std::string_view wrong) {
      if (report.problems.size() >= kMaxProblems) return;
      report.problems.push_back(
          fmt::format("account {} mailbox {} UID {}: {}", format_id(account), mailbox.name, uid, wrong));
    };
    for (Uid from = 1; from != 0;) {
      Result<std::vector<Entry>> some = co_await entries(account, mailbox.id, from, UINT32_MAX, kPart, false);
      if (!some) co_return std::unexpected(some.error());
      from = some->size() < kPart ? 0 : some->back().uid + 1;
      for (const Entry& entry : *some) {
        if (entry.blob != 0) continue;
        const std::string wrong = co_await impl_->what_is_wrong(account, entry);
        if (!wrong.empty()) {
          tell(entry.uid, wrong);
        } else if (!looked) {
          Result<std::string> piece = co_await impl_->files->read(account, mailbox.id, entry.uid, 0, 1);
          const bool gone = !piece && piece.error().kind == FaultKind::not_found;
          if (gone) tell(entry.uid, "is not in its file: " + looked.error().what);
        }
      }
    }
  }
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> MailStore::check_account(AccountId account) {
  CheckReport report;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return Checker(reader, report, nullptr).run_one(account);
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(report.problems);
}

}  // namespace posthouse::store
