// STORE of many messages: one row has what it does to them, and their own rows follow behind the answer
// (store/pending_flags.h).
#include <algorithm>
#include <map>

#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// What a STORE finds of the messages it names, and what becomes of them.
class Marking {
 public:
  Marking(AccountEdit& edit, const MailboxRow& mailbox, const KeywordTable& table, const FlagUpdate& update,
          const FlagsEdit& plan, MailStore::Updated& out)
      : edit_(edit), mailbox_(mailbox), table_(table), update_(update), plan_(plan), out_(out) {}

  void see(const FlagSheet::Mark& before, const std::vector<uint8_t>& keywords) {
    if (update_.unchanged_since && before.modseq > *update_.unchanged_since) {
      out_.refused.push_back(before.uid);
      return;
    }
    const std::vector<uint8_t>& after = becomes(keywords);
    const uint8_t system = plan_.flags(before.system);
    const bool changes_it = system != before.system || after != keywords;
    const ModSeq modseq = changes_it ? edit_.modseq() : before.modseq;
    out_.updated.emplace_back(before.uid, modseq);
    if (update_.tell) tell(before.uid, modseq, system, after);
    if (!changes_it) return;
    marks_.before.push_back(before);
    marks_.system.push_back(system);
    after_.push_back(&after);
  }

  const AccountEdit::FlagMarks& marks() const { return marks_; }
  const std::vector<uint8_t>& keywords_of(size_t i) const { return *after_[i]; }
  std::vector<Uid> changed() const {
    std::vector<Uid> uids;
    for (const FlagSheet::Mark& mark : marks_.before) uids.push_back(mark.uid);
    return uids;
  }

 private:
  // Most have the same as the one before.
  const std::vector<uint8_t>& becomes(const std::vector<uint8_t>& keywords) {
    if (last_ != keywords_.end() && last_->first == keywords) return last_->second;
    const auto [known, first] = keywords_.try_emplace(keywords);
    if (first) known->second = plan_.keywords(keywords);
    last_ = known;
    return known->second;
  }
  void tell(Uid uid, ModSeq modseq, uint8_t system, const std::vector<uint8_t>& keywords) {
    Entry& entry = out_.entries.emplace_back();
    entry.uid = uid;
    entry.mailbox = mailbox_.id;
    entry.modseq = modseq;
    entry.flags = table_.flags(system, keywords);
  }

  AccountEdit& edit_;
  const MailboxRow& mailbox_;
  const KeywordTable& table_;
  const FlagUpdate& update_;
  const FlagsEdit& plan_;
  MailStore::Updated& out_;
  AccountEdit::FlagMarks marks_;
  std::vector<const std::vector<uint8_t>*> after_;
  using Sets = std::map<std::vector<uint8_t>, std::vector<uint8_t>>;
  Sets keywords_;  // of each set: what becomes of it
  Sets::const_iterator last_ = keywords_.end();
};

// One part of a STORE inside its transaction.
struct PartBehind {
  MailboxId mailbox = 0;
  const std::vector<Uid>& uids;
  const FlagUpdate& update;
  size_t from = 0;                         // so many changes or more go into one row
  std::shared_ptr<const FlagSheet> sheet;  // perhaps an old one, or none
  // What came of it:
  bool done = false;
  MailStore::Updated out;
  std::shared_ptr<const FlagSheet> now;

  Result<void> run(AccountEdit& edit);

 private:
  bool sheet_fits(const MailboxRow& row) const {
    return sheet != nullptr && sheet->modseq() == row.highest_modseq &&
           sheet->uid_validity() == row.uid_validity && sheet->size() == row.exists;
  }
  void look_in_sheet(Marking& marking) const;
  Result<void> look_in_rows(AccountEdit& edit, Marking& marking) const;
  Result<void> change_few(AccountEdit& edit, MailboxRow& row, const Marking& marking) const;
  void note_in_sheet(const MailboxRow& row, const KeywordTable& table, const Marking& marking);
};

void PartBehind::look_in_sheet(Marking& marking) const {
  auto wanted = uids.begin();
  sheet->for_each(uids.front(), uids.back(), [&](const FlagSheet::Mark& mark) {
    while (wanted != uids.end() && *wanted < mark.uid) ++wanted;
    if (wanted == uids.end()) return false;
    if (*wanted == mark.uid) marking.see(mark, sheet->keywords(mark).numbers);
    return true;
  });
}

Result<void> PartBehind::look_in_rows(AccountEdit& edit, Marking& marking) const {
  const Result<std::vector<AccountEdit::Message>> messages = edit.messages(mailbox, uids);
  if (!messages) return std::unexpected(messages.error());
  for (const auto& [uid, row] : *messages) marking.see(mark_of(uid, row), row.keywords);
  return {};
}

Result<void> PartBehind::change_few(AccountEdit& edit, MailboxRow& row, const Marking& marking) const {
  Result<std::vector<AccountEdit::Message>> messages = edit.messages(mailbox, marking.changed());
  if (!messages) return std::unexpected(messages.error());
  std::vector<AccountEdit::FlagsChange> changes;
  size_t at = 0;
  for (auto& [uid, before] : *messages) {
    while (marking.marks().before[at].uid < uid) ++at;
    FlagRow after = before;
    after.system = marking.marks().system[at];
    after.keywords = marking.keywords_of(at);
    changes.push_back({uid, std::move(before), std::move(after)});
  }
  return edit.change(row, changes);
}

void PartBehind::note_in_sheet(const MailboxRow& row, const KeywordTable& table, const Marking& marking) {
  FlagSheetWriter writer(*sheet, table);
  const AccountEdit::FlagMarks& marks = marking.marks();
  std::optional<uint16_t> set;
  for (size_t i = 0; i < marks.before.size(); ++i) {
    const bool as_before = i > 0 && &marking.keywords_of(i) == &marking.keywords_of(i - 1);
    if (!as_before) set = writer.set_number(marking.keywords_of(i));
    if (!set) return;
    writer.put({row.highest_modseq, marks.before[i].uid, *set, marks.system[i], FlagSheet::Logged::shared});
  }
  now = writer.finish(row.uid_validity, row.highest_modseq);
}

Result<void> PartBehind::run(AccountEdit& edit) {
  done = false;
  out = MailStore::Updated();
  now = nullptr;
  const Result<MailboxRow*> row = edit.mailbox(mailbox);
  if (!row) return std::unexpected(row.error());
  const Result<FlagsEdit> plan = plan_update(edit, mailbox, update);
  if (!plan) return std::unexpected(plan.error());
  const Result<KeywordTable*> table = edit.keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  Marking marking(edit, **row, **table, update, *plan, out);
  out.before = (*row)->highest_modseq;
  const bool fits = sheet_fits(**row);
  Result<void> looked;
  if (fits) {
    look_in_sheet(marking);
  } else {
    looked = look_in_rows(edit, marking);
  }
  if (!looked) return looked;
  if (marking.marks().before.size() < from) {
    done = true;
    const Result<void> changed = change_few(edit, **row, marking);
    if (!changed) return changed;
  } else {
    const Result<bool> behind = edit.change_behind(**row, marking.marks(), *plan);
    if (!behind) return std::unexpected(behind.error());
    done = *behind;
    if (done && fits) note_in_sheet(**row, **table, marking);
  }
  out.after = (*row)->highest_modseq;
  return {};
}

}  // namespace

Task<Result<void>> MailStore::Impl::update_behind(AccountId account, MailboxId mailbox,
                                                  std::vector<Uid>& uids, const FlagUpdate& update,
                                                  Updated& all, bool& first) {
  if (!std::ranges::is_sorted(uids)) std::ranges::sort(uids);
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  size_t changed = 0;
  while (uids.size() >= hiding.from && hiding.allowed(account)) {
    const auto end = uids.begin() + static_cast<ptrdiff_t>(std::min(uids.size(), kHiddenPart));
    const std::vector<Uid> some(uids.begin(), end);
    PartBehind part{.mailbox = mailbox,
                    .uids = some,
                    .update = update,
                    .from = hiding.from,
                    .sheet = nullptr,
                    .out = {},
                    .now = nullptr};
    std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
      const Result<MailboxInfo> info = seen.mailbox(mailbox);
      if (!info) return std::unexpected(info.error());
      Result<std::shared_ptr<const FlagSheet>> known = sheet(seen, account, *info, some.size());
      if (!known) return std::unexpected(known.error());
      part.sheet = std::move(*known);
      return {};
    };
    Result<void> done = co_await view(account, std::move(look));
    if (!done) co_return done;
    std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) { return part.run(edit); };
    done = co_await edit(account, std::move(work));
    if (!done) co_return done;
    if (!part.done) break;
    if (part.now != nullptr) remember(account, mailbox, std::move(part.now));
    changed += part.out.updated.size();
    add_part(std::move(part.out), std::exchange(first, false), all);
    uids.erase(uids.begin(), end);
  }
  if (changed == 0) co_return Result<void>();
  if (hiding.wake) {
    (hiding.wake_later ? hiding.wake_later : hiding.wake)(account);
    co_return Result<void>();
  }
  Result<void> finished = co_await finish_flags(account);
  if (finished) finished = co_await purge_dying(account);
  co_return finished;
}

Task<Result<void>> MailStore::Impl::finish_flags(AccountId account) {
  while (!hiding.ending) {
    MailboxId mailbox = 0;
    std::vector<Uid> uids;
    std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
      const Result<MailboxId> found = seen.unfinished_flags(kFinishPart, uids);
      if (!found) return std::unexpected(found.error());
      mailbox = *found;
      return {};
    };
    Result<void> done = co_await view(account, std::move(look));
    if (!done) co_return done;
    if (mailbox == 0) break;
    // One that was deleted meanwhile takes them along.
    std::vector<engine::Step> steps;
    steps.push_back(edit_step(account, [&](AccountEdit& edit) -> Result<void> {
      const Result<MailboxRow*> row = edit.mailbox(mailbox);
      if (!row && row.error().kind == FaultKind::not_found) return {};
      if (!row) return std::unexpected(row.error());
      return edit.settle_flags(mailbox, uids);
    }));
    done = co_await engine.transact_relaxed(std::move(steps));
    if (!done) co_return done;
    co_await follow(account, uids.size());
  }
  co_return Result<void>();
}

}  // namespace posthouse::store
