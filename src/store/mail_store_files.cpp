// What the store does for accounts kept in files (store/files.h).
#include <deque>

#include "base/log.h"
#include "engine/blob.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// The bytes of a message that has none in the database, as a blob that nothing refers to yet. `begin`: those
// that were read already.
Task<Result<void>> fill(Files& files, AccountId account, MailboxId mailbox, Uid uid, uint64_t size,
                        const std::string& begin, engine::BlobWriter& writer) {
  Result<void> taken = co_await writer.append(begin);
  for (uint64_t at = begin.size(); taken && at >= engine::kBlobChunk && at < size;) {
    Result<std::string> piece = co_await files.read(account, mailbox, uid, at, engine::kBlobChunk);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    at += piece->size();
    taken = co_await writer.append(*piece);
  }
  co_return taken;
}

struct Refilled {
  Uid uid = 0;
  engine::BlobId blob = 0;
  uint64_t delivery = 0;
};

Result<void> refill(AccountEdit& edit, MailboxId mailbox, const Refilled& with, bool for_good) {
  const Uid uid = with.uid;
  edit.show_hidden();
  Result<std::optional<FlagRow>> row = edit.message(mailbox, uid);
  if (!row) return std::unexpected(row.error());
  if (!*row || (*row)->blob != 0) return fail(FaultKind::temporary, "the message changed meanwhile");
  (*row)->blob = with.blob;
  (*row)->delivery = with.delivery;
  edit.rows().put(flags_key(mailbox, uid), encode(**row));
  const Result<std::optional<std::string>> record = edit.rows().get(message_key(mailbox, uid));
  if (!record) return std::unexpected(record.error());
  const Result<MessageRow> known = decode_message(*record ? **record : std::string_view());
  if (known) {  // a damaged one is for the check to tell
    MessageRow message = *known;
    message.blob = with.blob;
    edit.rows().put(message_key(mailbox, uid), encode(message));
  }
  // Lets go of the blob, later.
  if (!for_good) edit.effect({EffectRow::Kind::put, mailbox, uid, std::string(kFromFile), {}});
  return {};
}

// Whoever reads a row with a blob relies on its reference, so both come in one transaction. Meanwhile a
// message may have gone, or got its blob back through another: then ours are left to the next sweep.
engine::Step refill_all(AccountId account, MailboxId mailbox, std::vector<Refilled> messages, bool for_good) {
  return edit_step(account, [=, messages = std::move(messages)](AccountEdit& edit) -> Result<void> {
    for (const Refilled& message : messages) {
      const Result<void> done = refill(edit, mailbox, message, for_good);
      if (!done) return done;
    }
    return {};
  });
}

}  // namespace

Result<void> Files::check_name(Format, const std::string&) const {
  return {};
}

Task<Result<void>> Files::follow(AccountId account, size_t) {
  Result<void> done = co_await carry_out(account);
  co_return done;
}

// Who puts nothing into files.
Task<Result<PlacesToBe>> Files::places_to_be(AccountId, MailboxId, std::vector<Uid> uids) {
  PlacesToBe none;
  for (const Uid uid : uids) none.try_emplace(uid);
  co_return std::move(none);
}

Task<Result<std::vector<std::string>>> Files::read_beginnings(AccountId account, MailboxId mailbox,
                                                              std::vector<Uid> uids, uint64_t most) {
  std::vector<std::string> out;
  for (const Uid uid : uids) {
    Result<std::string> bytes = co_await read(account, mailbox, uid, 0, most);
    if (!bytes) co_return std::unexpected(bytes.error());
    out.push_back(std::move(*bytes));
  }
  co_return std::move(out);
}

void MailStore::use_files(Files* files) {
  impl_->files = files;
}

// Also what a STORE or EXPUNGE of many has left for behind its answer.
Task<void> MailStore::carry_out(AccountId account) {
  if (!impl_->in_files(account)) co_return;
  Result<void> done = co_await impl_->finish_flags(account);
  if (done) done = co_await impl_->finish_expunges(account);
  if (!done)
    log::warn("store.expunges_wait", {{"account", format_id(account)}, {"reason", done.error().what}});
  co_await impl_->carry_out(account);
}

void MailStore::carry_out_soon(AccountId account) {
  if (impl_->in_files(account)) impl_->files->carry_out_soon(account);
}

bool MailStore::Impl::in_files(AccountId account) const {
  return files != nullptr && files->keeps(account);
}

Task<Result<PlacesToBe>> MailStore::Impl::places_to_be(AccountId account, MailboxId mailbox,
                                                       std::vector<Uid> uids) {
  if (files == nullptr || uids.empty()) co_return PlacesToBe();
  Result<std::optional<std::string>> place =
      co_await engine.fetch(account_partition(account), std::string(kFilePlaceKey));
  if (!place) co_return std::unexpected(place.error());
  if (!*place) co_return PlacesToBe();
  Result<PlacesToBe> places = co_await files->places_to_be(account, mailbox, std::move(uids));
  co_return places;
}

Task<std::string> MailStore::Impl::what_is_wrong(AccountId account, const Entry& entry) {
  for (uint64_t at = 0;;) {
    Result<std::string> piece =
        co_await files->read(account, entry.mailbox, entry.uid, at, engine::kBlobChunk);
    if (!piece) co_return piece.error().kind == FaultKind::not_found ? std::string() : piece.error().what;
    at += piece->size();
    if (piece->size() == engine::kBlobChunk) continue;
    if (at == entry.size) co_return std::string();
    co_return fmt::format("has {} octets, not the {} it came with", at, entry.size);
  }
}

// The change is durable in the database, so it stands, whatever the files say now. What is wrong with them is
// for whoever keeps them to tell.
Task<void> MailStore::Impl::carry_out(AccountId account) {
  if (!in_files(account)) co_return;
  Result<void> done = co_await files->carry_out(account);
  if (!done) log::debug("store.files_wait", {{"account", format_id(account)}, {"what", done.error().what}});
}

Task<void> MailStore::Impl::follow(AccountId account, size_t changes) {
  if (changes == 0 || !in_files(account)) co_return;
  Result<void> done = co_await files->follow(account, changes);
  if (!done) log::debug("store.files_wait", {{"account", format_id(account)}, {"what", done.error().what}});
}

// What can't be looked at now is shown as it was.
Task<void> MailStore::Impl::look(AccountId account, std::optional<MailboxId> mailbox) {
  if (!in_files(account)) co_return;
  Result<void> done;
  if (mailbox) {
    done = co_await files->look(account, *mailbox);
  } else {
    done = co_await files->look(account);
  }
  if (!done) log::debug("store.files_unseen", {{"account", format_id(account)}, {"what", done.error().what}});
}

// Whatever is in a new account's files already comes in before anything else gets a UID: an index that was
// lost gets back the UIDs that were noted.
Task<void> MailStore::Impl::look_at_all(AccountId account) {
  co_await look(account);
  std::vector<MailboxInfo> mailboxes;
  std::function<Result<void>(const AccountView&)> list = [&](const AccountView& seen) -> Result<void> {
    Result<std::vector<MailboxInfo>> listed = seen.mailboxes();
    if (!listed) return std::unexpected(listed.error());
    mailboxes = std::move(*listed);
    return {};
  };
  Result<void> done = co_await view(account, std::move(list));
  if (!done) co_return;
  for (const MailboxInfo& mailbox : mailboxes) co_await look(account, mailbox.id);
}

Task<Result<void>> MailStore::Impl::load_bodies(AccountId account, MailboxId mailbox,
                                                std::vector<Source>& messages, bool for_good) {
  for (auto next = messages.begin(); next != messages.end();) {
    std::vector<Source*> part;
    uint64_t bytes = 0;
    for (; next != messages.end() && part.size() < kLoadedTogether && bytes < kLoadedBytes; ++next) {
      if (next->row.blob != 0) continue;
      part.push_back(&*next);
      bytes += next->row.size;
    }
    Result<void> loaded = co_await load_part(account, mailbox, std::move(part), for_good);
    if (!loaded) co_return loaded;
  }
  co_return Result<void>();
}

// In one transaction; of a large message only what does not fit a chunk is held.
Task<Result<void>> MailStore::Impl::load_part(AccountId account, MailboxId mailbox, std::vector<Source*> part,
                                              bool for_good) {
  if (part.empty()) co_return Result<void>();
  if (!in_files(account)) co_return fail(FaultKind::corrupt, "a message without a body");
  std::vector<Uid> uids;
  for (const Source* const message : part) uids.push_back(message->uid);
  Result<std::vector<std::string>> begin =
      co_await files->read_beginnings(account, mailbox, uids, engine::kBlobChunk);
  if (!begin) co_return std::unexpected(begin.error());
  std::deque<engine::BlobWriter> writers;
  std::vector<Refilled> refilled;
  std::vector<engine::Step> steps;
  for (size_t i = 0; i < part.size(); ++i) {
    writers.emplace_back(engine, ids.next());
    Result<void> filled =
        co_await fill(*files, account, mailbox, uids[i], part[i]->row.size, (*begin)[i], writers.back());
    if (!filled) co_return filled;
    std::string().swap((*begin)[i]);
    refilled.push_back({uids[i], writers.back().id(), ids.next()});
    std::vector<std::string> references;
    references.push_back(blob_reference(account, refilled.back().delivery));
    steps.push_back(writers.back().seal(std::move(references)));
  }
  steps.push_back(refill_all(account, mailbox, refilled, for_good));
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return done;
  for (size_t i = 0; i < part.size(); ++i) {
    part[i]->row.blob = refilled[i].blob;
    part[i]->row.delivery = refilled[i].delivery;
  }
  co_return done;
}

Task<Result<std::vector<Uid>>> MailStore::Impl::load_bodies_to_keep(AccountId account, MailboxId mailbox,
                                                                    std::vector<Uid> uids) {
  std::vector<Uid> loaded;
  if (!in_files(account)) co_return std::move(loaded);
  Result<std::vector<Source>> messages = co_await sources(account, mailbox, std::move(uids), false);
  if (!messages) co_return std::unexpected(messages.error());
  for (const Source& message : *messages) {
    if (message.row.blob == 0) loaded.push_back(message.uid);
  }
  Result<void> done = co_await load_bodies(account, mailbox, *messages, true);
  if (!done && done.error().kind != FaultKind::temporary) co_return std::unexpected(done.error());
  co_return std::move(loaded);
}

Task<Result<void>> MailStore::Impl::load_bodies(AccountId account, MailboxId mailbox, std::vector<Uid> uids) {
  if (!in_files(account)) co_return Result<void>();
  Result<std::vector<Source>> messages = co_await sources(account, mailbox, std::move(uids), false);
  if (!messages) co_return std::unexpected(messages.error());
  Result<void> loaded = co_await load_bodies(account, mailbox, *messages);
  co_return loaded;
}

Task<Result<void>> MailStore::Impl::load_all_bodies(AccountId account, std::string mailbox) {
  MailboxId id = 0;
  std::vector<Uid> uids;
  std::function<Result<void>(const AccountView&)> look_up = [&](const AccountView& seen) -> Result<void> {
    const Result<MailboxInfo> info = seen.mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    id = info->id;
    return seen.for_each(id, 0, UINT32_MAX, [&](Uid uid, const FlagRow&) {
      uids.push_back(uid);
      return true;
    });
  };
  Result<void> found = co_await view(account, std::move(look_up));
  if (!found) co_return found;
  const std::vector<std::vector<Uid>> parts = cut_parts(std::move(uids), kPart);
  for (const std::vector<Uid>& part : parts) {
    Result<void> loaded = co_await load_bodies(account, id, part);
    const bool gone = !loaded && loaded.error().kind == FaultKind::not_found;
    if (!loaded && !gone) co_return loaded;
  }
  co_return Result<void>();
}

}  // namespace posthouse::store
