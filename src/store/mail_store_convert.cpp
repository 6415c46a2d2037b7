// Accounts that change their format while they are in use.
//
// To files: the account is one of files at once; then every message gets an outbox row, in the order of the
// UIDs, which is carried out as for a new letter. What comes meanwhile waits until all that was there before
// is on its way, for the UIDs of an mbox rise through its file. To the database: first all bodies are loaded,
// which takes its time; then, while nothing is carried out, those that came meanwhile, and the account is one
// of the database at once. Between two formats of files it is first the one and then the other. A hint leads
// to what was interrupted: every step may be done again.
#include <algorithm>

#include "engine/record.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

constexpr std::string_view kToFiles = "f";
constexpr std::string_view kToDatabase = "d";

engine::Step set_hint(AccountId account, std::string_view value) {
  return {engine::hints_partition(),
          [account, value = std::string(value)](engine::Transaction& rows) -> Result<void> {
            rows.put(hint_key(kConvertHint, account), value);
            return {};
          }};
}

engine::Step clear_hint(std::string key) {
  return {engine::hints_partition(), [key = std::move(key)](engine::Transaction& rows) -> Result<void> {
            rows.erase(key);
            return {};
          }};
}

// Makes the account one of files. Repeatable: one that is already keeps its place.
Result<void> turn_to_files(AccountEdit& edit, AccountId account, const FilePlace& place,
                           const std::vector<MailboxInfo>& mailboxes,
                           const std::vector<std::string>& subscriptions) {
  edit.head().entering = true;
  if (edit.head().in_files) return {};
  edit.head().in_files = true;
  edit.rows().put(kFilePlaceKey, encode(place));
  edit.rows().hint(hint_key(kFilesHint, account));
  for (const MailboxInfo& mailbox : mailboxes)
    edit.effect({EffectRow::Kind::make, mailbox.id, 0, mailbox.name, {}});
  for (const std::string& name : subscriptions) edit.effect({EffectRow::Kind::subscribe, 0, 0, name, {}});
  return {};
}

Result<bool> is_in_files(const engine::Reader& reader, AccountId account) {
  const Result<HeadRow> head = AccountView(reader, account).head();
  if (!head) return std::unexpected(head.error());
  return head->in_files;
}

// The messages behind those that were listed, as rows for the outbox; one more than fit a transaction at
// most.
Result<void> find_late(AccountEdit& edit, const std::map<MailboxId, Uid>& listed,
                       std::vector<EffectRow>& out) {
  std::vector<MailboxRow> mailboxes;
  const Result<void> read = edit.rows().scan(kMailboxPrefix, prefix_end(std::string(kMailboxPrefix)),
                                             [&](std::string_view key, std::string_view value) {
                                               Result<MailboxRow> row =
                                                   decode_mailbox(mailbox_of_key(key), value);
                                               if (row) mailboxes.push_back(std::move(*row));
                                               return true;
                                             });
  if (!read) return read;
  for (const MailboxRow& mailbox : mailboxes) {
    const auto known = listed.find(mailbox.id);
    const Uid last = known == listed.end() ? 0 : known->second;
    if (last + 1 >= mailbox.uid_next) continue;
    const Result<void> scanned =
        edit.rows().scan(flags_key(mailbox.id, last + 1), flags_end(mailbox.id, UINT32_MAX),
                         [&](std::string_view key, std::string_view value) {
                           const Result<FlagRow> row = decode_flags(value);
                           if (row && row->blob != 0)
                             out.push_back({EffectRow::Kind::put, mailbox.id, uid_of_key(key), {}, {}});
                           return out.size() <= kPart;
                         });
    if (!scanned) return scanned;
  }
  return {};
}

void tell(const MailStore::Progress& progress, uint64_t done, uint64_t total) {
  if (progress) progress(done, total);
}

}  // namespace

Task<Result<std::optional<bool>>> MailStore::Impl::unfinished(AccountId account) {
  Result<std::optional<std::string>> hint =
      co_await engine.fetch(engine::hints_partition(), hint_key(kConvertHint, account));
  if (!hint) co_return std::unexpected(hint.error());
  if (!*hint) co_return std::optional<bool>();
  co_return std::optional<bool>(!(*hint)->starts_with(kToDatabase));
}

// Those whose bytes are in a file, or those whose bytes are in the database. `listed`: up to which UID a
// mailbox was listed before, and after this.
Task<Result<std::vector<std::pair<MailboxId, Uid>>>> MailStore::Impl::messages_in(AccountId account,
                                                                                  bool in_file,
                                                                                  LastUids* listed) {
  std::vector<std::pair<MailboxId, Uid>> out;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
    const Result<std::vector<MailboxInfo>> mailboxes = seen.mailboxes();
    if (!mailboxes) return std::unexpected(mailboxes.error());
    for (const MailboxInfo& mailbox : *mailboxes) {
      const Uid from = listed != nullptr ? (*listed)[mailbox.id] + 1 : 0;
      const Result<void> read = seen.for_each(mailbox.id, from, UINT32_MAX, [&](Uid uid, const FlagRow& row) {
        if ((row.blob == 0) == in_file) out.emplace_back(mailbox.id, uid);
        return true;
      });
      if (!read) return read;
      if (listed != nullptr) (*listed)[mailbox.id] = mailbox.uid_next - 1;
    }
    return {};
  };
  Result<void> done = co_await view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(out);
}

// What of the files is still in the index of an account that left them.
Task<Result<void>> MailStore::Impl::forget_files(AccountId account, bool done_with_it) {
  for (const std::string_view prefix : {kLocationPrefix, kEffectPrefix, kSeenPrefix}) {
    std::string begin(prefix);
    std::string end = prefix_end(begin);
    Result<void> erased = co_await erase_range(account, std::move(begin), std::move(end));
    if (!erased) co_return erased;
  }
  if (!done_with_it) co_return Result<void>();
  std::vector<engine::Step> steps;
  steps.push_back(clear_hint(hint_key(kConvertHint, account)));
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::Impl::put_on_the_way(AccountId account,
                                                   const std::vector<std::pair<MailboxId, Uid>>& part) {
  std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) -> Result<void> {
    for (const auto& [mailbox, uid] : part) edit.effect({EffectRow::Kind::put, mailbox, uid, {}, {}});
    return {};
  };
  Result<void> noted = co_await edit(account, std::move(work));
  if (!noted) co_return noted;
  co_return co_await files->carry_out(account);
}

// What came since it was `listed` gets its rows in the outbox, and from then on who comes gets one at once.
// False: it is too much for one transaction, and all is as it was.
Task<Result<bool>> MailStore::Impl::let_late_ones_in(AccountId account, const LastUids& listed) {
  bool all = false;
  std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) -> Result<void> {
    all = false;
    std::vector<EffectRow> late;
    const Result<void> found = find_late(edit, listed, late);
    if (!found) return found;
    all = late.size() <= kPart;
    if (!all) return {};
    edit.head().entering = false;
    for (const EffectRow& row : late) edit.effect(row);
    return {};
  };
  Result<void> done = co_await edit(account, std::move(work));
  if (!done) co_return std::unexpected(done.error());
  co_return all;
}

// A letter whose bytes can't be read is tried again with what the outbox has; nobody waits behind it.
Task<Result<void>> MailStore::Impl::put_all(AccountId account, const MailStore::Progress& progress) {
  LastUids listed;
  Result<void> all;
  uint64_t put = 0;
  for (bool in = false; !in;) {
    Result<std::vector<std::pair<MailboxId, Uid>>> messages = co_await messages_in(account, false, &listed);
    if (!messages) co_return std::unexpected(messages.error());
    for (size_t at = 0; at < messages->size(); at += kPart) {
      const auto begin = messages->begin() + static_cast<ptrdiff_t>(at);
      const size_t count = std::min(messages->size() - at, kPart);
      const std::vector<std::pair<MailboxId, Uid>> part(begin, begin + static_cast<ptrdiff_t>(count));
      Result<void> carried = co_await put_on_the_way(account, part);
      if (!carried && carried.error().kind != FaultKind::corrupt) co_return carried;
      if (!carried) all = carried;
      put += count;
      tell(progress, put, put + messages->size() - at - count);
    }
    Result<bool> entered = co_await let_late_ones_in(account, listed);
    if (!entered) co_return std::unexpected(entered.error());
    in = *entered;
  }
  Result<void> carried = co_await files->carry_out(account);
  co_return all ? carried : all;
}

Task<Result<void>> MailStore::Impl::enter_files(AccountId account, FilePlace place,
                                                const MailStore::Progress& progress) {
  std::vector<MailboxInfo> mailboxes;
  std::vector<std::string> subscriptions;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
    Result<std::vector<MailboxInfo>> found = seen.mailboxes();
    if (!found) return std::unexpected(found.error());
    mailboxes = std::move(*found);
    Result<std::vector<std::string>> names = seen.subscriptions();
    if (!names) return std::unexpected(names.error());
    subscriptions = std::move(*names);
    return {};
  };
  const auto still_so = [&](AccountEdit& edit) {
    if (edit.head().mailboxes != mailboxes.size()) return false;
    return std::ranges::all_of(mailboxes, [&](const MailboxInfo& mailbox) {
      const Result<MailboxRow*> row = edit.mailbox(mailbox.id);
      return row && (*row)->name == mailbox.name;
    });
  };
  // A mailbox that is made or renamed between the look and the step would be missed: then it is done again.
  for (bool again = true; again;) {
    Result<void> seen = co_await view(account, look);
    if (!seen) co_return seen;
    again = false;
    std::vector<engine::Step> steps;
    steps.push_back(edit_step(account, [&](AccountEdit& edit) -> Result<void> {
      again = !still_so(edit);
      return again ? Result<void>() : turn_to_files(edit, account, place, mailboxes, subscriptions);
    }));
    steps.push_back(set_hint(account, kToFiles));
    Result<void> turned = co_await engine.transact(std::move(steps));
    if (!turned) co_return turned;
  }
  files->adopt(account);
  Result<void> put = co_await put_all(account, progress);
  if (!put) co_return put;
  std::vector<engine::Step> steps;
  steps.push_back(clear_hint(hint_key(kConvertHint, account)));
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

// Every message gets a blob beside its file.
Task<Result<void>> MailStore::Impl::load_everything(AccountId account, const MailStore::Progress& progress) {
  Result<std::vector<std::pair<MailboxId, Uid>>> messages = co_await messages_in(account, true);
  if (!messages) co_return std::unexpected(messages.error());
  for (size_t at = 0; at < messages->size();) {
    const MailboxId mailbox = (*messages)[at].first;
    std::vector<Uid> uids;
    for (; at < messages->size() && (*messages)[at].first == mailbox && uids.size() < kPart; ++at)
      uids.push_back((*messages)[at].second);
    Result<std::vector<Source>> found = co_await sources(account, mailbox, std::move(uids), false);
    if (!found && found.error().kind == FaultKind::not_found) continue;
    if (!found) co_return std::unexpected(found.error());
    const auto moved = [](const Result<void>& loaded) {
      return !loaded &&
             (loaded.error().kind == FaultKind::temporary || loaded.error().kind == FaultKind::not_found);
    };
    Result<void> together = co_await load_bodies(account, mailbox, *found, true);
    if (!together && !moved(together)) co_return together;
    // One that changed or went meanwhile keeps none of the others, and is looked at again in the end.
    for (size_t i = 0; !together && i < found->size(); ++i) {
      if ((*found)[i].row.blob != 0) continue;
      std::vector<Source> one{(*found)[i]};
      Result<void> loaded = co_await load_bodies(account, mailbox, one, true);
      if (!loaded && !moved(loaded)) co_return loaded;
    }
    tell(progress, at, messages->size());
  }
  co_return Result<void>();
}

Task<Result<void>> MailStore::Impl::leave_files(AccountId account, const FilePlace& next,
                                                const MailStore::Progress& progress) {
  const bool is_end = next.format == Format::database;
  std::vector<engine::Step> begin;
  begin.push_back(
      set_hint(account, is_end ? std::string(kToDatabase) : std::string(kToOtherFiles) + encode(next)));
  Result<void> begun = co_await engine.transact(std::move(begin));
  if (!begun) co_return begun;
  Result<void> loaded = co_await load_everything(account, progress);
  if (!loaded) co_return loaded;
  std::function<Task<Result<void>>()> last = [this, account]() -> Task<Result<void>> {
    Result<void> rest = co_await load_everything(account, nullptr);
    if (!rest) co_return rest;
    Result<std::vector<std::pair<MailboxId, Uid>>> left = co_await messages_in(account, true);
    if (!left) co_return std::unexpected(left.error());
    if (!left->empty()) {
      co_return fail(FaultKind::io, fmt::format("{} messages can't be read from their files", left->size()));
    }
    std::vector<engine::Step> steps;
    steps.push_back(edit_step(account, [](AccountEdit& edit) -> Result<void> {
      edit.head().in_files = edit.head().entering = false;
      edit.rows().erase(kFilePlaceKey);
      return {};
    }));
    steps.push_back(clear_hint(hint_key(kFilesHint, account)));
    co_return co_await engine.transact(std::move(steps));
  };
  Result<void> left = co_await files->leave(account, std::move(last));
  if (!left) co_return left;
  Result<void> done = co_await forget_files(account, is_end);
  co_return done;
}

// One conversion of an account at a time: two would each undo what the other has begun.
std::shared_ptr<Turnstile> MailStore::Impl::conversions_of(AccountId account) {
  const std::lock_guard lock(converting_mutex);
  std::erase_if(converting, [](const auto& other) { return other.second.expired(); });
  std::weak_ptr<Turnstile>& known = converting[account];
  std::shared_ptr<Turnstile> turns = known.lock();
  if (!turns) known = turns = std::make_shared<Turnstile>();
  return turns;
}

Task<Result<void>> MailStore::convert(AccountId account, FilePlace place, Progress progress, Check check) {
  const std::shared_ptr<Turnstile> turns = impl_->conversions_of(account);
  const Turnstile::Turn turn = co_await turns->take();
  Result<FilePlace> before = co_await this->place(account);
  if (!before) co_return std::unexpected(before.error());
  if (check && place.format != Format::database && place.format != before->format) {
    Result<void> possible = co_await check();
    if (!possible) co_return possible;
  }
  Result<void> done = co_await impl_->convert(account, *before, std::move(place), std::move(progress));
  co_return done;
}

Task<Result<void>> MailStore::convert(AccountId account, FilePlace place, Progress progress) {
  return convert(account, std::move(place), std::move(progress), nullptr);
}

Task<Result<void>> MailStore::convert(AccountId account, FilePlace place) {
  return convert(account, std::move(place), nullptr, nullptr);
}

// What it is going to may have changed by now, or it may be there.
Task<Result<void>> MailStore::finish_conversion(AccountId account) {
  const std::shared_ptr<Turnstile> turns = impl_->conversions_of(account);
  const Turnstile::Turn turn = co_await turns->take();
  Result<std::vector<Conversion>> all = co_await conversions();
  if (!all) co_return std::unexpected(all.error());
  const auto one = std::ranges::find(*all, account, &Conversion::account);
  if (one == all->end()) co_return Result<void>();
  Result<FilePlace> before = co_await this->place(account);
  if (!before) co_return std::unexpected(before.error());
  FilePlace place;
  if (one->place) {
    place = *one->place;
  } else if (one->to_files) {
    place = *before;
  }
  Result<void> done = co_await impl_->convert(account, *before, std::move(place), nullptr);
  co_return done;
}

Task<Result<void>> MailStore::Impl::convert(AccountId account, FilePlace before, FilePlace place,
                                            MailStore::Progress progress) {
  if (files == nullptr) co_return fail(FaultKind::permanent, "there are no files");
  const Hiding::Pause whole(hiding, account);
  Result<void> finished = co_await finish_expunges(account);
  if (!finished) co_return finished;
  bool now_in_files = false;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const Result<bool> found = is_in_files(reader, account);
    if (!found) return std::unexpected(found.error());
    now_in_files = *found;
    return {};
  };
  Result<void> seen = co_await engine.read(std::move(look));
  if (!seen) co_return seen;
  Result<std::optional<bool>> begun = co_await unfinished(account);
  if (!begun) co_return std::unexpected(begun.error());
  const bool to_files = place.format != Format::database;
  if (!now_in_files && *begun) {  // it had left, but for what is forgotten now
    Result<void> forgotten = co_await forget_files(account, !to_files);
    if (!forgotten) co_return forgotten;
  }
  if (to_files && now_in_files && before.format != place.format) {
    Result<void> left = co_await leave_files(account, place, progress);
    if (!left) co_return left;
    now_in_files = false;
  }
  if (to_files == now_in_files && !(now_in_files && *begun)) co_return Result<void>();
  if (to_files) co_return co_await enter_files(account, std::move(place), progress);
  co_return co_await leave_files(account, place, progress);
}

Task<Result<std::vector<MailStore::Conversion>>> MailStore::conversions() {
  std::vector<Conversion> out;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return reader.scan(engine::hints_partition(), kConvertHint, prefix_end(std::string(kConvertHint)),
                       [&](std::string_view key, std::string_view value) {
                         if (key.size() != kConvertHint.size() + 8) return true;
                         Conversion one;
                         one.account = engine::read_key_u64(key.substr(kConvertHint.size()));
                         one.to_files = !value.starts_with(kToDatabase);
                         if (value.starts_with(kToOtherFiles)) {
                           Result<FilePlace> place = decode_file_place(value.substr(kToOtherFiles.size()));
                           if (place) one.place = std::move(*place);
                         }
                         out.push_back(std::move(one));
                         return true;
                       });
  };
  Result<void> found = co_await impl_->engine.read(std::move(look));
  if (!found) co_return std::unexpected(found.error());
  co_return out;
}

}  // namespace posthouse::store
