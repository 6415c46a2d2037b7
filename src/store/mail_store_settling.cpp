// Accounts that may have lost rows, or got old ones back, when damaged files were mended: what is left is put
// in order so that nobody is shown wrong mail.
//
// A client believes that a mailbox, its UIDVALIDITY and a UID name the same message for ever (RFC 9051
// section 2.3.1.1). Who lost rows can't keep that promise: the counters may be as they were before UIDs were
// given. So every mailbox gets a new UIDVALIDITY, and clients read it anew.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/annotations.h"
#include "store/file_rows.h"
#include "store/limits.h"
#include "store/mail_store_impl.h"
#include "store/names.h"
#include "store/survey.h"

namespace posthouse::store {

namespace {

const metrics::Counter& settled_total() {
  static const metrics::Counter counter("posthouse_store_settled_accounts_total",
                                        "Accounts that were put in order after damage.");
  return counter;
}

// UIDVALIDITY is taken from the clock, or one above the last one. The last one may be among what was lost, so
// this is further ahead of the clock than mailboxes can be made in a row.
constexpr uint32_t kAhead = 10 * static_cast<uint32_t>(kMaxMailboxes);

uint32_t next_validity(uint32_t last, SystemTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const auto by_clock = static_cast<uint32_t>(std::clamp<int64_t>(seconds, 1, UINT32_MAX - 3 * kAhead));
  return std::max(last, by_clock + kAhead);
}

Result<void> renew(engine::Transaction& rows, SystemTime now) {
  const Result<std::optional<std::string>> record = rows.get(kHeadKey);
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};
  Result<HeadRow> head = decode_head(**record);
  if (!head) return std::unexpected(head.error());
  head->last_uid_validity = next_validity(head->last_uid_validity, now);
  std::vector<MailboxRow> mailboxes;
  const std::string end = prefix_end(std::string(kMailboxPrefix));
  const Result<void> scanned =
      rows.scan(kMailboxPrefix, end, [&](std::string_view key, std::string_view value) {
        Result<MailboxRow> row = decode_mailbox(mailbox_of_key(key), value);
        if (row) mailboxes.push_back(std::move(*row));
        return true;
      });
  if (!scanned) return scanned;
  for (MailboxRow& row : mailboxes) {
    row.uid_validity = ++head->last_uid_validity;
    rows.put(mailbox_key(row.id), encode(row));
    rows.erase(seen_key(row.id));
  }
  rows.put(kHeadKey, encode(*head));
  return {};
}

// Writes the rows of one account as the survey says they should be.
class Settler {
 public:
  Settler(engine::Transaction& rows, AccountId account, const Survey& seen, SystemTime now)
      : rows_(rows), account_(account), seen_(seen), now_(now), head_(seen.head) {}

  Result<void> run();

 private:
  void settle(MailboxId id, const SeenMailbox& seen);
  std::string name_for(MailboxId id, const SeenMailbox& seen) const;
  void settle_names() const;
  Result<void> settle_keywords(MailboxId id, size_t used) const;
  Result<void> add_usual() const;

  engine::Transaction& rows_;
  AccountId account_;
  const Survey& seen_;
  SystemTime now_;
  HeadRow head_;
  std::set<std::string> names_;
};

Result<void> Settler::run() {
  head_.modseq = seen_.modseq + 1;
  head_.next_mailbox = std::max(head_.next_mailbox, seen_.last_mailbox + 1);
  head_.last_uid_validity = next_validity(seen_.uid_validity, now_);
  head_.messages = head_.bytes = 0;
  head_.mailboxes = 0;
  head_.kept_messages = seen_.kept_messages;
  head_.kept_bytes = seen_.kept_bytes;
  // Else its letters would have no bodies, and what comes would not get into its files.
  head_.in_files = seen_.in_files;
  head_.next_effect = std::max(head_.next_effect, seen_.last_effect + 1);
  if (head_.in_files) rows_.hint(hint_key(kFilesHint, account_));
  for (const std::string& key : seen_.misleading) rows_.erase(key);
  if (head_.kept_messages > 0) rows_.hint(kept_hint(account_));
  // Those whose own row is there come first: it knows the name best.
  for (const bool with_row : {true, false}) {
    for (const auto& [id, mailbox] : seen_.mailboxes) {
      if (mailbox.wanted() && mailbox.row.has_value() == with_row) settle(id, mailbox);
    }
  }
  settle_names();
  for (const auto& [id, mailbox] : seen_.mailboxes) {
    if (!mailbox.wanted() || mailbox.keywords == 0) continue;
    if (Result<void> done = settle_keywords(id, mailbox.keywords); !done) return done;
  }
  const auto wanted = [this](MailboxId id) {
    const auto found = seen_.mailboxes.find(id);
    return found != seen_.mailboxes.end() && found->second.wanted();
  };
  if (Result<void> done = settle_annotations(rows_, wanted, ++head_.modseq); !done) return done;
  if (Result<void> done = settle_rights(rows_, wanted); !done) return done;
  rows_.put(kHeadKey, encode(head_));
  return add_usual();
}

std::string Settler::name_for(MailboxId id, const SeenMailbox& seen) const {
  for (const std::string& name : {seen.row ? seen.row->name : std::string(), seen.name}) {
    if (!name.empty() && !names_.contains(name)) return name;
  }
  std::string name = fmt::format("Recovered {}", id);
  while (names_.contains(name)) name += "'";
  return name;
}

void Settler::settle(MailboxId id, const SeenMailbox& seen) {
  MailboxRow row = seen.row.value_or(MailboxRow());
  row.id = id;
  row.name = name_for(id, seen);
  if (!seen.row) row.role = usual_role(row.name);
  row.uid_validity = ++head_.last_uid_validity;
  row.uid_next = std::max(row.uid_next, seen.last == UINT32_MAX ? seen.last : seen.last + 1);
  row.first_recent = std::min(row.first_recent, row.uid_next);
  row.highest_modseq = head_.modseq;
  row.exists = seen.exists;
  row.unseen = seen.unseen;
  row.deleted = seen.deleted;
  row.bytes = seen.bytes;
  row.expunges = 0;  // the log of changes is gone
  row.forgotten = head_.modseq;
  head_.messages += row.exists;
  head_.bytes += row.bytes;
  ++head_.mailboxes;
  rows_.put(mailbox_key(id), encode(row));
  rows_.put(name_key(row.name), encode_mailbox_id(id));
  names_.insert(row.name);
}

void Settler::settle_names() const {
  for (const std::string& name : seen_.names) {
    if (!names_.contains(name)) rows_.erase(name_key(name));
  }
}

// Numbers of names that are lost must not become other names.
Result<void> Settler::settle_keywords(MailboxId id, size_t used) const {
  const Result<std::optional<std::string>> record = rows_.get(keywords_key(id));
  if (!record) return std::unexpected(record.error());
  Result<std::vector<std::string>> names =
      *record ? decode_keywords(**record) : Result<std::vector<std::string>>(std::vector<std::string>());
  if (!names) names = std::vector<std::string>();
  if (names->size() >= used) return {};
  while (names->size() < used) names->push_back(fmt::format("Lost{}", names->size()));
  rows_.put(keywords_key(id), encode_keywords(*names));
  return {};
}

// An account needs its INBOX; one of which nothing is left begins anew.
Result<void> Settler::add_usual() const {
  AccountEdit edit(rows_, account_);
  if (Result<void> loaded = edit.load(); !loaded) return loaded;
  for (const UsualMailbox& usual : kUsualMailboxes) {
    if (names_.contains(std::string(usual.name)) || (!names_.empty() && usual.role != Role::inbox)) continue;
    const Result<MailboxRow*> made = edit.create(usual.name, usual.role, now_);
    if (!made && made.error().kind != FaultKind::exists) return std::unexpected(made.error());
    rows_.put(subscription_key(usual.name), empty_record());
  }
  edit.save();
  return {};
}

// The body of a message, expunged or not.
struct Body {
  engine::BlobId blob = 0;
  uint64_t delivery = 0;
};

Result<Body> body_of(std::string_view key, std::string_view value) {
  if (key.starts_with(kKeptPrefix)) {
    const Result<KeptRow> row = decode_kept(value);
    if (!row) return std::unexpected(row.error());
    return Body{row->blob, row->delivery};
  }
  const Result<FlagRow> row = decode_flags(value);
  if (!row) return std::unexpected(row.error());
  return Body{row->blob, row->delivery};
}

// Messages whose body is in `lost` and does not know them.
Result<void> find_forgotten(const engine::Reader& reader, AccountId account,
                            const std::vector<engine::PartitionRange>& lost,
                            std::vector<std::pair<engine::BlobId, std::string>>& out) {
  Result<void> inside;
  const engine::RowVisitor see = [&](std::string_view key, std::string_view value) {
    const Result<Body> row = body_of(key, value);
    if (!row || !engine::contains(lost, {engine::PartitionKind::blob, row->blob})) return true;
    std::string reference = MailStore::blob_reference(account, row->delivery);
    const Result<bool> known = engine::has_reference(reader, row->blob, reference);
    if (!known) inside = std::unexpected(known.error());
    if (known && !*known) out.emplace_back(row->blob, std::move(reference));
    return inside.has_value();
  };
  for (const std::string_view prefix : {kFlagsPrefix, kKeptPrefix}) {
    const Result<void> scanned =
        reader.scan(account_partition(account), prefix, prefix_end(std::string(prefix)), see);
    if (!scanned || !inside) return scanned ? inside : scanned;
  }
  return {};
}

engine::Step repair_step(AccountId account, std::vector<Repair> part) {
  return engine::Step{account_partition(account),
                      [part = std::move(part)](engine::Transaction& rows) -> Result<void> {
                        for (const Repair& repair : part) {
                          if (repair.value) {
                            rows.put(repair.key, *repair.value);
                          } else {
                            rows.erase(repair.key);
                          }
                        }
                        return {};
                      }};
}

}  // namespace

Task<Result<Survey>> MailStore::Impl::survey(AccountId account) {
  Survey seen;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<Survey> found = survey_account(reader, account);
    if (!found) return std::unexpected(found.error());
    seen = std::move(*found);
    return {};
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(seen);
}

Task<Result<void>> MailStore::Impl::repair_messages(AccountId account, Survey& seen, bool strays) {
  for (auto& [id, mailbox] : seen.mailboxes) {
    std::vector<Repair> repairs;
    std::function<Result<void>(const engine::Reader&)> look =
        [&, mailbox_id = id](const engine::Reader& reader) -> Result<void> {
      auto found = strays ? find_strays(reader, account, mailbox_id)
                          : find_half_messages(reader, account, mailbox_id, seen.deliveries);
      if (!found) return std::unexpected(found.error());
      repairs = std::move(*found);
      return {};
    };
    if (mailbox.dying) continue;
    Result<void> done = co_await engine.read(std::move(look));
    if (!done) co_return done;
    if (!repairs.empty()) {
      log::warn(strays ? "store.stray_messages" : "store.half_messages",
                {{"account", format_id(account)}, {"mailbox", id}, {"count", repairs.size()}});
    }
    for (size_t at = 0; at < repairs.size(); at += kPart) {
      const auto begin = repairs.begin() + static_cast<ptrdiff_t>(at);
      std::vector<Repair> part(begin, begin + static_cast<ptrdiff_t>(std::min(kPart, repairs.size() - at)));
      std::vector<engine::Step> steps;
      steps.push_back(repair_step(account, std::move(part)));
      done = co_await engine.transact(std::move(steps));
      if (!done) co_return done;
    }
  }
  co_return Result<void>();
}

Task<Result<void>> MailStore::restore_references(AccountId account,
                                                 std::vector<engine::PartitionRange> lost) {
  std::vector<std::pair<engine::BlobId, std::string>> forgotten;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return find_forgotten(reader, account, lost, forgotten);
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return done;
  for (size_t at = 0; at < forgotten.size(); at += kPart) {
    std::vector<engine::Step> steps;
    for (size_t i = at; i < std::min(at + kPart, forgotten.size()); ++i)
      steps.push_back(engine::restore_reference(forgotten[i].first, forgotten[i].second));
    done = co_await impl_->engine.transact(std::move(steps));
    if (!done) co_return done;
  }
  if (!forgotten.empty()) {
    log::warn("store.references_restored", {{"account", format_id(account)}, {"count", forgotten.size()}});
  }
  co_return done;
}

Task<Result<void>> MailStore::renew_validity(AccountId account) {
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account),
                   [now = impl_->clock.now()](engine::Transaction& rows) { return renew(rows, now); }});
  co_return co_await impl_->engine.transact(std::move(steps));
}

// Repeatable: interrupted, it is done again from the start.
Task<Result<void>> MailStore::settle(AccountId account) {
  Result<void> done;
  for (const std::string_view prefix : {kChangePrefix, kSeenPrefix}) {
    const std::string begin(prefix);
    done = co_await impl_->erase_range(account, begin, prefix_end(begin));
    if (!done) co_return done;
  }
  Result<Survey> seen = co_await impl_->survey(account);
  if (!seen) co_return std::unexpected(seen.error());
  done = co_await impl_->repair_messages(account, *seen, false);
  if (done && seen->in_files) done = co_await impl_->repair_messages(account, *seen, true);
  if (!done) co_return done;
  seen = co_await impl_->survey(account);
  if (!seen) co_return std::unexpected(seen.error());
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&, now = impl_->clock.now()](engine::Transaction& rows) {
                     return Settler(rows, account, *seen, now).run();
                   }});
  done = co_await impl_->engine.transact(std::move(steps));
  if (!done) co_return done;
  settled_total().add();
  log::warn("store.settled", {{"account", format_id(account)}});
  co_return done;
}

}  // namespace posthouse::store
