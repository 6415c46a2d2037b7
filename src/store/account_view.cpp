#include "store/account_view.h"

#include <algorithm>
#include <set>

#include "store/damage.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

bool inbox_first(const MailboxInfo& a, const MailboxInfo& b) {
  const bool a_inbox = a.name == kInbox;
  const bool b_inbox = b.name == kInbox;
  return a_inbox != b_inbox ? a_inbox : a.name < b.name;
}

bool by_uid(const Entry& a, const Entry& b) {
  return a.uid < b.uid;
}

}  // namespace

std::unexpected<Fault> no_mailbox() {
  return fail(FaultKind::not_found, "no such mailbox");
}

bool is_dense(Uid first, Uid last, size_t count) {
  constexpr uint64_t kDenseEnough = 8;  // at least one of so many
  return count > 1 && (uint64_t{last} - first + 1) / count <= kDenseEnough;
}

bool is_dense(const std::vector<Uid>& rising) {
  return !rising.empty() && is_dense(rising.front(), rising.back(), rising.size());
}

Entry make_entry(MailboxId mailbox, Uid uid, const FlagRow& row, const KeywordTable& keywords) {
  Entry entry;
  entry.uid = uid;
  entry.mailbox = mailbox;
  entry.modseq = row.modseq;
  entry.flags = keywords.flags(row.system, row.keywords);
  entry.internal_date = row.internal_date;
  entry.size = row.size;
  entry.blob = row.blob;
  entry.delivery = row.delivery;
  entry.saved = row.saved;
  entry.email = row.email;
  return entry;
}

Result<HeadRow> AccountView::head() const {
  const Result<std::optional<std::string>> row = reader_.get(partition_, kHeadKey);
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(FaultKind::not_found, "no such account");
  return decode_head(**row);
}

Result<std::vector<MailboxInfo>> AccountView::mailboxes() const {
  const Result<HeadRow> there = head();
  if (!there) return std::unexpected(there.error());
  const Result<std::vector<std::string>> names = subscriptions();
  if (!names) return std::unexpected(names.error());
  std::vector<MailboxInfo> found;
  const std::string end = prefix_end(std::string(kMailboxPrefix));
  const Result<void> scanned =
      reader_.scan(partition_, kMailboxPrefix, end, [&](std::string_view key, std::string_view value) {
        Result<MailboxRow> row = decode_mailbox(mailbox_of_key(key), value);
        if (!row) {
          report_damage(row.error(), account_, mailbox_of_key(key), 0);
          return true;
        }
        row->subscribed = std::ranges::binary_search(*names, row->name);
        found.push_back(std::move(*row));
        return true;
      });
  if (!scanned) return std::unexpected(scanned.error());
  std::ranges::sort(found, inbox_first);
  return found;
}

Result<MailboxInfo> AccountView::mailbox(MailboxId id) const {
  const Result<std::optional<std::string>> record = reader_.get(partition_, mailbox_key(id));
  if (!record) return std::unexpected(record.error());
  if (!*record) return no_mailbox();
  Result<MailboxRow> row = decode_mailbox(id, **record);
  if (!row) return row;
  const Result<bool> listed = subscribed(row->name);
  if (!listed) return std::unexpected(listed.error());
  row->subscribed = *listed;
  return row;
}

Result<MailboxInfo> AccountView::mailbox(std::string_view checked_name) const {
  const Result<std::optional<std::string>> record = reader_.get(partition_, name_key(checked_name));
  if (!record) return std::unexpected(record.error());
  if (!*record) return no_mailbox();
  const Result<MailboxId> id = decode_mailbox_id(**record);
  if (!id) return std::unexpected(id.error());
  return mailbox(*id);
}

Result<bool> AccountView::subscribed(std::string_view name) const {
  const Result<std::optional<std::string>> record = reader_.get(partition_, subscription_key(name));
  if (!record) return std::unexpected(record.error());
  return record->has_value();
}

Result<std::vector<std::string>> AccountView::subscriptions() const {
  std::vector<std::string> names;
  const std::string end = prefix_end(std::string(kSubscriptionPrefix));
  const Result<void> scanned =
      reader_.scan(partition_, kSubscriptionPrefix, end, [&](std::string_view key, std::string_view) {
        names.emplace_back(key.substr(kSubscriptionPrefix.size()));
        return true;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return names;
}

Result<KeywordTable> AccountView::keywords(MailboxId id) const {
  const Result<std::optional<std::string>> record = reader_.get(partition_, keywords_key(id));
  if (!record) return std::unexpected(record.error());
  if (!*record) return KeywordTable();
  Result<std::vector<std::string>> names = decode_keywords(**record);
  if (names) return KeywordTable(std::move(*names));
  report_damage(names.error(), account_, id, 0);
  return KeywordTable();
}

Result<void> AccountView::for_each(MailboxId mailbox, Uid first, Uid last, const FlagVisitor& visit) const {
  if (last < first) return {};
  const Result<const ExpungedRow*> gone = left_out(mailbox);
  if (!gone) return std::unexpected(gone.error());
  const Result<const PendingFlags*> later = pending(mailbox);
  if (!later) return std::unexpected(later.error());
  return reader_.scan(partition_, flags_key(mailbox, first), flags_end(mailbox, last),
                      [&](std::string_view key, std::string_view value) {
                        const Uid uid = uid_of_key(key);
                        if ((*gone)->contains(uid)) return true;
                        Result<FlagRow> row = decode_flags(value);
                        if (row) (*later)->apply(uid, *row);
                        if (row) return visit(uid, *row);
                        report_damage(row.error(), account_, mailbox, uid);
                        return true;
                      });
}

Result<const ExpungedRow*> AccountView::left_out(MailboxId mailbox) const {
  const auto known = left_out_.find(mailbox);
  if (known != left_out_.end()) return &known->second;
  Result<ExpungedRow> row;
  if (expunged_ == Expunged::left_out)
    row = expunged_or_none(reader_.get(partition_, expunged_key(mailbox)), account_, mailbox);
  if (!row) return std::unexpected(row.error());
  return &left_out_.emplace(mailbox, std::move(*row)).first->second;
}

Result<const PendingFlags*> AccountView::pending(MailboxId mailbox) const {
  const auto known = pending_.find(mailbox);
  if (known != pending_.end()) return &known->second;
  Result<PendingFlags> row =
      pending_or_none(reader_.get(partition_, pending_key(mailbox)), account_, mailbox);
  if (!row) return std::unexpected(row.error());
  return &pending_.emplace(mailbox, std::move(*row)).first->second;
}

Result<MailboxId> AccountView::unfinished_flags(size_t most, std::vector<Uid>& uids) const {
  MailboxId mailbox = 0;
  const std::string end = prefix_end(std::string(kPendingPrefix));
  const Result<void> scanned =
      reader_.scan(partition_, kPendingPrefix, end, [&](std::string_view key, std::string_view value) {
        const Result<PendingFlags> row = decode_pending(value);
        if (!row) report_damage(row.error(), account_, mailbox_of_key(key), 0);
        if (!row || row->empty()) return true;
        // That of a deleted one goes with its messages; one that can't be read is for a repair.
        const Result<std::optional<std::string>> there =
            reader_.get(partition_, mailbox_key(mailbox_of_key(key)));
        if (!there || !*there || !decode_mailbox(0, **there)) return true;
        mailbox = mailbox_of_key(key);
        const UidList& list = row->parts.front().uids;
        for (uint32_t i = 1; i <= list.size() && uids.size() < most; ++i) uids.push_back(list.at(i));
        return false;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return mailbox;
}

Result<std::vector<std::pair<MailboxId, ExpungedRow>>> AccountView::unfinished_expunges() const {
  std::vector<std::pair<MailboxId, ExpungedRow>> found;
  const std::string end = prefix_end(std::string(kExpungedPrefix));
  const Result<void> scanned =
      reader_.scan(partition_, kExpungedPrefix, end, [&](std::string_view key, std::string_view value) {
        Result<ExpungedRow> row = decode_expunged(value);
        if (row) {
          found.emplace_back(mailbox_of_key(key), std::move(*row));
        } else {
          report_damage(row.error(), account_, mailbox_of_key(key), 0);
        }
        return true;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

Result<std::optional<FlagRow>> AccountView::message(MailboxId mailbox, Uid uid) const {
  const Result<const ExpungedRow*> gone = left_out(mailbox);
  if (!gone) return std::unexpected(gone.error());
  if ((*gone)->contains(uid)) return std::nullopt;
  const Result<const PendingFlags*> later = pending(mailbox);
  if (!later) return std::unexpected(later.error());
  const Result<std::optional<std::string>> record = reader_.get(partition_, flags_key(mailbox, uid));
  if (!record) return std::unexpected(record.error());
  if (!*record) return std::nullopt;
  Result<FlagRow> row = decode_flags(**record);
  if (row) (*later)->apply(uid, *row);
  if (row) return std::move(*row);
  report_damage(row.error(), account_, mailbox, uid);
  return std::nullopt;
}

Result<void> AccountView::for_these(MailboxId mailbox, const std::vector<Uid>& rising,
                                    const std::function<void(Uid, const FlagRow&)>& visit) const {
  if (!is_dense(rising)) {
    for (const Uid uid : rising) {
      const Result<std::optional<FlagRow>> row = message(mailbox, uid);
      if (!row) return std::unexpected(row.error());
      if (*row) visit(uid, **row);
    }
    return {};
  }
  auto wanted = rising.begin();
  return for_each(mailbox, rising.front(), rising.back(), [&](Uid uid, const FlagRow& row) {
    while (wanted != rising.end() && *wanted < uid) ++wanted;
    if (wanted != rising.end() && *wanted == uid) visit(uid, row);
    return wanted != rising.end();
  });
}

Result<std::vector<Entry>> AccountView::entries(MailboxId mailbox, Uid first, Uid last, size_t most,
                                                bool with_summary) const {
  const Result<KeywordTable> table = keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  std::vector<Entry> found;
  if (most == 0) return found;
  const Result<void> scanned = for_each(mailbox, first, last, [&](Uid uid, const FlagRow& row) {
    found.push_back(make_entry(mailbox, uid, row, *table));
    return found.size() < most;
  });
  if (!scanned) return std::unexpected(scanned.error());
  if (with_summary) {
    const Result<void> added = add_summaries(mailbox, found);
    if (!added) return std::unexpected(added.error());
  }
  return found;
}

Result<std::vector<Entry>> AccountView::entries(MailboxId mailbox, std::vector<Uid> uids,
                                                bool with_summary) const {
  std::ranges::sort(uids);
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  if (uids.empty()) return std::vector<Entry>();
  const Result<KeywordTable> table = keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  std::vector<Entry> found;
  found.reserve(uids.size());
  const Result<void> listed = for_these(mailbox, uids, [&](Uid uid, const FlagRow& row) {
    found.push_back(make_entry(mailbox, uid, row, *table));
  });
  if (!listed) return std::unexpected(listed.error());
  if (with_summary) {
    const Result<void> added = add_summaries(mailbox, found);
    if (!added) return std::unexpected(added.error());
  }
  return found;
}

// `entries` rise by UID. A damaged summary stays empty: the message itself can still be read.
Result<void> AccountView::add_summaries(MailboxId mailbox, std::vector<Entry>& entries) const {
  if (entries.empty()) return {};
  const auto fill = [&](Entry& entry, std::string_view record) {
    const Result<MessageRow> row = decode_message(record);
    if (row) {
      entry.summary = std::string(row->summary);
    } else {
      report_damage(row.error(), account_, mailbox, entry.uid);
    }
  };
  if (is_dense(entries.front().uid, entries.back().uid, entries.size())) {
    auto next = entries.begin();
    return reader_.scan(partition_, message_key(mailbox, entries.front().uid),
                        message_end(mailbox, entries.back().uid),
                        [&](std::string_view key, std::string_view value) {
                          const Uid uid = uid_of_key(key);
                          while (next != entries.end() && next->uid < uid) ++next;
                          if (next != entries.end() && next->uid == uid) fill(*next, value);
                          return next != entries.end();
                        });
  }
  for (Entry& entry : entries) {
    const Result<std::optional<std::string>> record =
        reader_.get(partition_, message_key(mailbox, entry.uid));
    if (!record) return std::unexpected(record.error());
    if (*record) fill(entry, **record);
  }
  return {};
}

Result<Changes> AccountView::changes(MailboxId mailbox_id, ModSeq since) const {
  Changes out;
  const Result<MailboxInfo> info = mailbox(mailbox_id);
  if (!info && info.error().kind == FaultKind::not_found) {
    out.mailbox_gone = true;
    return out;
  }
  if (!info) return std::unexpected(info.error());
  const Result<KeywordTable> table = keywords(mailbox_id);
  if (!table) return std::unexpected(table.error());
  const Result<void> done = news(*info, since, out, [&](Uid uid, const FlagRow& row) {
    out.changed.push_back(make_entry(mailbox_id, uid, row, *table));
  });
  if (!done) return std::unexpected(done.error());
  std::ranges::sort(out.changed, by_uid);
  return out;
}

Result<void> AccountView::news(const MailboxInfo& info, ModSeq since, Changes& out,
                               const RowVisitor& visit) const {
  out.highest = info.highest_modseq;
  if (out.highest <= since) return {};
  out.forgetful = since < info.forgotten;
  Result<void> done = collect_changed(info.id, since, out, visit);
  if (done) done = collect_new(info.id, since, visit);
  std::ranges::sort(out.vanished);
  std::ranges::sort(out.passed);
  return done;
}

// Those that were there at `since`: from the log of changes.
Result<void> AccountView::collect_changed(MailboxId mailbox_id, ModSeq since, Changes& out,
                                          const RowVisitor& visit) const {
  std::vector<Uid> changed;
  bool whole = true;
  const std::string begin = change_key(mailbox_id, since + 1, 0);
  const std::string end = prefix_end(change_key(mailbox_id, UINT64_MAX, UINT32_MAX));
  const Result<void> scanned =
      reader_.scan(partition_, begin, end, [&](std::string_view key, std::string_view value) {
        const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
        if (!row) {
          report_damage(row.error(), account_, mailbox_id, uid_of_key(key));
          whole = false;
          return true;
        }
        row->for_each([&](Uid uid, ModSeq created) {
          if (created <= since) {
            (row->expunged ? out.vanished : changed).push_back(uid);
          } else if (row->expunged) {
            out.passed.push_back(uid);
          }
          return true;
        });
        return true;
      });
  if (!scanned) return scanned;
  const auto add = [&](Uid uid, const FlagRow& row) {
    if (row.created <= since) visit(uid, row);
  };
  if (whole) {
    std::ranges::sort(changed);
    return for_these(mailbox_id, changed, add);
  }
  // A damaged row may have told of any message.
  out.forgetful = true;
  return for_each(mailbox_id, 0, UINT32_MAX, [&](Uid uid, const FlagRow& row) {
    if (row.modseq > since) add(uid, row);
    return row.created <= since;
  });
}

// All up to `forgotten` are out of the log but those of the same transaction.
Result<std::vector<Change>> AccountView::oldest_expunges(const MailboxInfo& mailbox, size_t most) const {
  std::vector<Change> found;
  if (most == 0) return found;
  const std::string begin = change_key(mailbox.id, mailbox.forgotten, 0);
  const std::string end = prefix_end(change_key(mailbox.id, UINT64_MAX, UINT32_MAX));
  const Result<void> scanned =
      reader_.scan(partition_, begin, end, [&](std::string_view key, std::string_view value) {
        const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
        if (!row || !row->expunged) return true;
        row->for_each([&](Uid uid, ModSeq) {
          found.push_back({modseq_of_key(key), uid});
          return found.size() < most;
        });
        return found.size() < most;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

// Those that came after `since`: the MODSEQ a message came with rises with its UID, so they are at the end.
Result<void> AccountView::collect_new(MailboxId mailbox_id, ModSeq since, const RowVisitor& visit) const {
  const Result<const ExpungedRow*> gone = left_out(mailbox_id);
  if (!gone) return std::unexpected(gone.error());
  const Result<const PendingFlags*> later = pending(mailbox_id);
  if (!later) return std::unexpected(later.error());
  return reader_.scan_back(partition_, flags_key(mailbox_id, 0), flags_end(mailbox_id, UINT32_MAX),
                           [&](std::string_view key, std::string_view value) {
                             const Uid uid = uid_of_key(key);
                             Result<FlagRow> row = decode_flags(value);
                             if (!row) {
                               report_damage(row.error(), account_, mailbox_id, uid);
                               return true;
                             }
                             // Also of those that are hidden, so that nobody walks over all of them.
                             if (row->created <= since) return false;
                             if ((*gone)->contains(uid)) return true;
                             (*later)->apply(uid, *row);
                             visit(uid, *row);
                             return true;
                           });
}

}  // namespace posthouse::store
