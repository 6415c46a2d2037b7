#include "mirror/maildir_driver.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "maildir/folder.h"
#include "maildir/keywords.h"
#include "maildir/quota_file.h"
#include "maildir/reader.h"
#include "maildir/tree.h"
#include "maildir/uid_list.h"
#include "maildir/writer.h"
#include "mirror/limits.h"
#include "mirror/maildir_marks.h"
#include "mirror/troubles.h"
#include "store/names.h"

namespace posthouse::mirror {

namespace {

using maildir::Folder;
using maildir::KeywordTable;
using maildir::Place;
using maildir::Sync;
using maildir::Where;
using store::FlagSet;
using store::Uid;

constexpr std::string_view kTrash = "Trash";  // does not count for the quota of Maildir++
constexpr const char* kMarker = "posthouse-maildir";

std::string base_of(const Place& place) {
  return maildir::parse_name(place.file).base;
}

// The base without what it says of the message's sizes.
std::string unique_of(const Place& place) {
  const std::string base = base_of(place);
  return base.substr(0, base.find(','));
}

// The name of one of our deliveries: always the same, so that it is found again after a crash.
std::string key_of(uint64_t delivery, SystemTime date) {
  const auto since = std::chrono::duration_cast<seconds>(date.time_since_epoch()).count();
  return fmt::format("{}.P{:x}.posthouse", std::max<int64_t>(since, 0), delivery);
}

// Rights may come back; for a name there will never be room.
std::unexpected<Fault> refused(const Fault& fault) {
  return fault.kind == FaultKind::policy ? std::unexpected(fault) : final_fault(fault);
}

// In front of a state: which version made it. One that took flags otherwise has to look again.
constexpr std::string_view kStateVersion = "2 ";

std::optional<maildir::State> parse_state(std::string_view text) {
  if (!text.starts_with(kStateVersion)) return std::nullopt;
  return maildir::State::from_text(text.substr(kStateVersion.size()));
}

class MaildirDriver final : public Driver {
 public:
  MaildirDriver(const std::string& root, const Clock& clock, Random& random)
      : tree_(root), subscriptions_(Folder(root), clock), clock_(clock), names_(clock, random, "posthouse") {}

  Result<void> make(const std::string& mailbox) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> erase(const std::string& mailbox) override;
  Result<void> subscribe(const std::string& mailbox, bool subscribed) override;
  Result<std::vector<Level>> mailboxes() override;
  Result<std::vector<std::string>> subscriptions() override { return subscriptions_.read(); }
  void put(const std::string& mailbox, std::vector<Put>& messages) override;
  Result<bool> would_be_exact(const Put& message) override;
  void change(const std::string& mailbox, std::vector<Change>& messages) override;
  Result<std::string> place_to_be(const Put& message) override {
    return "new/" + key_of(message.delivery, message.date);
  }
  Result<void> remove(const std::string& mailbox, const std::vector<std::string>& locations, store::Uid,
                      const std::vector<std::string>& spared) override;
  Result<bool> is_same(const std::string& mailbox, const std::string& state) override;
  Result<std::string> lasting(const std::string& mailbox, const std::string& state) override;
  Result<Look> look(const std::string& mailbox, const std::vector<Known>& known) override;
  Result<void> note_uids(const std::string& mailbox, const Uids& uids) override;
  Result<Bytes> open(const std::string& mailbox, const std::string& location) override;
  std::vector<Result<std::string>> read_all(const std::string& mailbox,
                                            const std::vector<Wanted>& wanted) override;
  Result<std::vector<std::string>> read_beginnings(const std::string& mailbox,
                                                   const std::vector<std::string>& locations,
                                                   uint64_t most) override;
  std::string name_in(const std::string& location) override { return base_of(to_place(location)); }
  void be_patient(bool patient) override { patient_ = patient; }
  void tell_to(Troubles* troubles, store::AccountId account) override {
    troubles_ = troubles;
    account_ = account;
  }
  bool notes_own() const override { return true; }
  std::vector<std::string> watched(const std::string& mailbox) override;

 private:
  // With letters for the keywords of all of these.
  template <class Messages>
  Result<KeywordTable> table_for(const Folder& folder, const Messages& messages);
  void put_part(const Folder& folder, const KeywordTable& table, std::span<Put> messages);
  Result<maildir::Writer> written(const Folder& folder, const Put& message);
  static maildir::Commit commit_of(const Put& message, const KeywordTable& table);
  static Result<void> sync_changed(const Folder& folder, const std::vector<Put>& messages);
  void change_one(const Folder& folder, const KeywordTable& table, Change& message) const;
  void tell(std::string_view event, const Fault& fault) const {
    if (troubles_ != nullptr) troubles_->tell({account_, 0, event}, "", fault.what);
  }
  milliseconds lock_patience() const { return patient_ ? maildir::kLockPatience : kShortLockPatience; }
  Result<void> check_root() const;
  // What a message in a file counts for the quota that other programs keep.
  struct Share {
    int64_t bytes = 0, messages = 0;
  };
  static Share share_of(const Folder& folder, const std::string& mailbox, const Place& place);
  bool has_quota_file() const;
  void count(const Share& more);
  Result<void> make_root();
  Result<Folder> folder_of(const std::string& mailbox) const;
  Result<maildir::Scan> scan(const Folder& folder, const std::vector<Known>& known);
  static Result<void> add_kept_uids(const Folder& folder, Look& look);

  maildir::Tree tree_;
  maildir::Subscriptions subscriptions_;
  const Clock& clock_;
  maildir::NameMaker names_;
  std::atomic<bool> patient_ = true;
  Troubles* troubles_ = nullptr;
  store::AccountId account_ = 0;
};

// Without its disk an account has no Maildir, or another one that somebody made in its place; all messages
// would seem to be removed. So the real one is known by a file, which only a new account makes.
Result<void> MaildirDriver::check_root() const {
  if (::access((tree_.root() + "/" + kMarker).c_str(), F_OK) == 0) return {};
  return fail(FaultKind::io,
              fmt::format("no {} in {}: is its disk mounted? If it is, and the Maildir is whole, "
                          "make that file",
                          kMarker, tree_.root()));
}

Result<void> MaildirDriver::make_root() {
  Result<void> done = make_parents(tree_.root());
  if (done) done = tree_.make();
  if (!done) return done;
  const Result<maildir::File> root = maildir::open_folder(tree_.root());
  if (!root) return std::unexpected(root.error());
  const Result<maildir::File> made = maildir::create_file_in(root->fd(), kMarker);
  if (!made && made.error().kind != FaultKind::exists) return std::unexpected(made.error());
  return maildir::flush(root->fd(), tree_.root());
}

Result<Folder> MaildirDriver::folder_of(const std::string& mailbox) const {
  const Result<void> there = check_root();
  if (!there) return std::unexpected(there.error());
  return tree_.folder(mailbox);
}

Result<void> MaildirDriver::make(const std::string& mailbox) {
  if (mailbox == store::kInbox) return make_root();
  const Result<void> root = check_root();
  if (!root) return root;
  const Result<Folder> there = folder_of(mailbox);
  if (there) return there->make();
  const Result<Folder> made = tree_.create(mailbox, names_.unique());
  if (!made && made.error().kind != FaultKind::exists) return refused(made.error());
  return {};
}

// Renaming takes inferiors along, and each of them has an effect of its own behind.
Result<void> MaildirDriver::rename(const std::string& from, const std::string& to) {
  Result<void> done = check_root();
  if (!done) return done;
  done = tree_.rename(from, to);
  if (done) return done;
  if (done.error().kind != FaultKind::not_found) return refused(done.error());
  return tree_.folder(to) ? Result<void>() : make(to);
}

Result<void> MaildirDriver::erase(const std::string& mailbox) {
  const Result<void> root = check_root();
  if (!root) return root;
  const Result<std::string> detached = tree_.detach(mailbox, names_.unique());
  if (!detached && detached.error().kind == FaultKind::not_found) return {};
  if (!detached) return std::unexpected(detached.error());
  return tree_.destroy(*detached);
}

Result<void> MaildirDriver::subscribe(const std::string& mailbox, bool subscribed) {
  const Result<void> root = check_root();
  if (!root) return root;
  const Result<bool> set = subscriptions_.set(mailbox, subscribed, names_.unique(), lock_patience());
  if (!set) return refused(set.error());
  return {};
}

Result<std::vector<Driver::Level>> MaildirDriver::mailboxes() {
  const Result<void> root = check_root();
  if (!root) return std::unexpected(root.error());
  const Result<std::vector<maildir::FolderEntry>> entries = tree_.list();
  if (!entries) return std::unexpected(entries.error());
  std::vector<Level> levels;
  for (const maildir::FolderEntry& entry : *entries) {
    levels.push_back({entry.name, entry.unreadable, false});
  }
  return levels;
}

MaildirDriver::Share MaildirDriver::share_of(const Folder& folder, const std::string& mailbox,
                                             const Place& place) {
  const maildir::Name name = maildir::parse_name(place.file);
  if (mailbox == kTrash || (name.marks.flags & maildir::Marks::kTrashed) != 0) return {};
  if (name.size) return {static_cast<int64_t>(*name.size), 1};
  const Result<maildir::Found> found = folder.look(name.base, place);
  return found ? Share{static_cast<int64_t>(found->size), 1} : Share{};
}

bool MaildirDriver::has_quota_file() const {
  return ::access((tree_.root() + "/maildirsize").c_str(), F_OK) == 0;
}

// The file is others': a fault is worth no more than a line. One that grew too long is counted anew.
void MaildirDriver::count(const Share& more) {
  if (more.bytes == 0 && more.messages == 0) return;
  const maildir::QuotaFile file(Folder(tree_.root()), clock_);
  Result<void> added = file.add(more.bytes, more.messages);
  const Result<std::optional<maildir::QuotaUse>> use = file.read();
  if (added && use && *use && (*use)->is_stale) {
    const Result<maildir::QuotaUse> counted = file.calculate((*use)->limits, names_.unique());
    if (!counted) added = std::unexpected(counted.error());
  }
  if (!added) tell("mirror.maildirsize", added.error());
}

template <class Messages>
Result<KeywordTable> MaildirDriver::table_for(const Folder& folder, const Messages& messages) {
  const maildir::Keywords keywords(folder, clock_);
  Result<KeywordTable> table = keywords.read();
  if (!table) return table;
  std::vector<std::string> names;
  for (const auto& message : messages)
    std::ranges::copy(unlettered(message.flags, *table), std::back_inserter(names));
  if (names.empty()) return table;
  return keywords.extend(names, names_.unique(), lock_patience());
}

void MaildirDriver::put(const std::string& mailbox, std::vector<Put>& messages) {
  const auto fail_all = [&](const Fault& fault) {
    for (Put& message : messages) message.done = std::unexpected(fault);
  };
  Result<Folder> folder = folder_of(mailbox);
  if (!folder && folder.error().kind == FaultKind::not_found && mailbox != store::kInbox) {
    const Result<void> made = make(mailbox);
    if (!made) return fail_all(made.error());
    folder = folder_of(mailbox);
  }
  if (!folder) return fail_all(folder.error());
  const Result<KeywordTable> table = table_for(*folder, messages);
  if (!table) return fail_all(table.error());
  const std::span<Put> all(messages);
  for (size_t at = 0; at < all.size(); at += kWrittenTogether)
    put_part(*folder, *table, all.subspan(at, std::min(kWrittenTogether, all.size() - at)));
  const Result<void> flushed = sync_changed(*folder, messages);
  if (!flushed) return fail_all(flushed.error());
  if (!has_quota_file()) return;
  Share more;
  for (const Put& message : messages) {
    if (!message.done) continue;
    const Share share = share_of(*folder, mailbox, to_place(message.location));
    more.bytes += share.bytes;
    more.messages += share.messages;
  }
  count(more);
}

// Many files are flushed together, and none is seen by others before it is.
void MaildirDriver::put_part(const Folder& folder, const KeywordTable& table, std::span<Put> messages) {
  const bool together = messages.size() >= kFlushedTogether;
  std::vector<std::optional<maildir::Writer>> writers(messages.size());
  const auto write = [&](size_t i) {
    Result<maildir::Writer> writer = written(folder, messages[i]);
    if (writer) {
      writers[i].emplace(std::move(*writer));
    } else {
      messages[i].done = std::unexpected(writer.error());
    }
  };
  for (size_t i = 0; together && i < messages.size(); ++i) {
    write(i);
    if (writers[i]) messages[i].done = writers[i]->prepare(commit_of(messages[i], table));
  }
  const Result<void> flushed = together ? folder.flush_files() : Result<void>();
  for (size_t i = 0; i < messages.size(); ++i) {
    Put& message = messages[i];
    if (!together) write(i);
    if (message.done) message.done = flushed;
    if (!message.done) continue;
    message.exact = writers[i]->exact();
    const Result<maildir::Committed> done = writers[i]->commit(commit_of(message, table));
    if (done) {
      message.location = to_location(done->place, table);
    } else {
      message.done = std::unexpected(done.error());
    }
    writers[i].reset();
  }
}

Result<bool> MaildirDriver::would_be_exact(const Put& message) {
  maildir::ToFile line_ends;
  std::string text;
  for (uint64_t at = 0; at < message.size; text.clear()) {
    const Result<std::string> piece = message.bytes(at, kPiece);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(FaultKind::corrupt, "the message ends early");
    line_ends.convert(*piece, text);
    at += piece->size();
  }
  return line_ends.exact();
}

Result<maildir::Writer> MaildirDriver::written(const Folder& folder, const Put& message) {
  Result<maildir::Writer> writer = maildir::Writer::open(folder, names_.unique());
  if (!writer) return writer;
  for (uint64_t at = 0; at < message.size;) {
    const Result<std::string> piece = message.bytes(at, kPiece);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(FaultKind::corrupt, "the message ends early");
    const Result<void> taken = writer->append(*piece);
    if (!taken) return std::unexpected(taken.error());
    at += piece->size();
  }
  return writer;
}

maildir::Commit MaildirDriver::commit_of(const Put& message, const KeywordTable& table) {
  maildir::Commit commit;
  commit.unique = key_of(message.delivery, message.date);
  commit.marks = to_marks(message.flags, table);
  commit.date = message.date;
  commit.sync = Sync::later;
  commit.again = message.again;
  return commit;
}

// Each of new/ and cur/ that one of the messages is in now.
Result<void> MaildirDriver::sync_changed(const Folder& folder, const std::vector<Put>& messages) {
  for (const Where where : {Where::fresh, Where::current}) {
    const auto is_there = [&](const Put& message) {
      return message.done && to_place(message.location).where == where;
    };
    if (std::ranges::none_of(messages, is_there)) continue;
    const Result<void> flushed = folder.sync(where);
    if (!flushed) return flushed;
  }
  return {};
}

void MaildirDriver::change(const std::string& mailbox, std::vector<Change>& messages) {
  const auto fail_all = [&](const Fault& fault) {
    for (Change& message : messages) message.done = std::unexpected(fault);
  };
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return fail_all(folder.error());
  const Result<KeywordTable> table = table_for(*folder, messages);
  if (!table) return fail_all(table.error());
  const bool counts = has_quota_file();
  const auto was_new = [](const Change& message) { return to_place(message.location).where == Where::fresh; };
  const bool any_new = std::ranges::any_of(messages, was_new);
  Share more;  // by marking as trashed, or no more
  for (Change& message : messages) {
    const Share before = counts ? share_of(*folder, mailbox, to_place(message.location)) : Share{};
    change_one(*folder, *table, message);
    const Share after = counts ? share_of(*folder, mailbox, to_place(message.location)) : Share{};
    more.bytes += after.bytes - before.bytes;
    more.messages += after.messages - before.messages;
  }
  count(more);
  const Result<void> flushed = any_new ? folder->sync() : folder->sync(Where::current);
  if (!flushed) fail_all(flushed.error());
}

void MaildirDriver::change_one(const Folder& folder, const KeywordTable& table, Change& message) const {
  const Place seen = to_place(message.location);
  const maildir::MarkChange change = change_to(message.flags, message.location, table, message.only_ours);
  const Result<Place> now = folder.change(base_of(seen), seen, change, Sync::later);
  if (!now) {
    message.done = std::unexpected(now.error());
    return;
  }
  const maildir::Marks has = maildir::marks_of(now->file);
  if (message.only_ours) {
    message.now = to_flags(has, table);
  } else {
    const std::string ours = expected_location(message.location, change);
    const MarksChanged others = changed_since(ours, has, table);
    message.now = with_change(message.flags, others.added, others.removed);
  }
  message.location = to_location(*now, table);
}

// A message that is moved away and back again has the name of before.
Result<void> MaildirDriver::remove(const std::string& mailbox, const std::vector<std::string>& locations,
                                   store::Uid, const std::vector<std::string>& spared) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder && folder.error().kind == FaultKind::not_found) return {};
  if (!folder) return std::unexpected(folder.error());
  const bool counts = has_quota_file();
  const Result<maildir::OpenFolder> opened = maildir::OpenFolder::open(*folder);
  if (!opened) return std::unexpected(opened.error());
  std::unordered_set<std::string> others;
  for (const std::string& location : spared) others.insert(unique_of(to_place(location)));
  Share less;
  for (const std::string& location : locations) {
    const Place place = to_place(location);
    if (others.contains(unique_of(place))) continue;
    const Share share = counts ? share_of(*folder, mailbox, place) : Share{};
    const Result<bool> removed = opened->remove(base_of(place), place);
    if (!removed) return std::unexpected(removed.error());
    if (!*removed) continue;
    less.bytes -= share.bytes;
    less.messages -= share.messages;
  }
  count(less);
  const auto was_new = [](const std::string& location) { return to_place(location).where == Where::fresh; };
  return std::ranges::any_of(locations, was_new) ? folder->sync() : folder->sync(Where::current);
}

Result<bool> MaildirDriver::is_same(const std::string& mailbox, const std::string& state) {
  const std::optional<maildir::State> before = parse_state(state);
  if (!before) return false;
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return std::unexpected(folder.error());
  const Result<maildir::State> now = folder->state();
  if (!now) return std::unexpected(now.error());
  return before->is_same(*now);
}

Result<std::string> MaildirDriver::lasting(const std::string&, const std::string& state) {
  const std::optional<maildir::State> told = parse_state(state);
  return told && told->settled ? state : std::string();
}

Result<maildir::Scan> MaildirDriver::scan(const Folder& folder, const std::vector<Known>& known) {
  std::unordered_set<std::string> bases;
  bases.reserve(known.size());
  for (const Known& message : known) bases.insert(base_of(to_place(message.location)));
  const Folder::Wants is_new = [&](std::string_view base) { return !bases.contains(std::string(base)); };
  for (int attempt = 0;; ++attempt) {
    Result<maildir::Scan> scan = folder.scan(is_new);
    if (!scan) return scan;
    for (const maildir::Found& found : scan->doubles) {
      const Result<Place> apart = folder.separate(found.place, names_.unique());
      if (!apart) tell("mirror.double_name", apart.error());
    }
    const bool good = scan->complete && scan->doubles.empty();
    if (good || attempt == kLooks) return scan;
  }
}

Result<Driver::Look> MaildirDriver::look(const std::string& mailbox, const std::vector<Known>& known) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return std::unexpected(folder.error());
  const Result<maildir::Scan> seen = scan(*folder, known);
  if (!seen) return std::unexpected(seen.error());
  // Not before: the state counts that file in, and one that came meanwhile would not be read.
  const Result<KeywordTable> table = maildir::Keywords(*folder, clock_).read();
  if (!table) return std::unexpected(table.error());
  std::unordered_map<std::string, size_t> by_base;
  by_base.reserve(known.size());
  for (size_t i = 0; i < known.size(); ++i) by_base.emplace(base_of(to_place(known[i].location)), i);
  std::vector<char> there(known.size(), 0);
  Look out;
  if (seen->complete) out.state = std::string(kStateVersion) + seen->state.to_text();
  for (const maildir::Found& found : seen->messages) {
    const auto match = by_base.find(found.base);
    if (match == by_base.end()) {
      Look::Fresh fresh;
      fresh.location = to_location(found.place, *table);
      fresh.flags = to_flags(found.marks, *table);
      fresh.date = found.date;
      out.fresh.push_back(std::move(fresh));
      continue;
    }
    const Known& before = known[match->second];
    there[match->second] = 1;
    std::string location = to_location(found.place, *table);
    if (location == before.location) continue;
    MarksChanged others = changed_since(before.location, found.marks, *table);
    if (others.align != maildir::MarkChange()) {
      const Result<Place> now = folder->change(found.base, found.place, others.align, Sync::later);
      if (now) location = to_location(*now, *table);
    }
    out.changed.push_back(
        {before.uid, std::move(location), std::move(others.added), std::move(others.removed)});
  }
  for (size_t i = 0; i < known.size() && seen->complete; ++i) {
    if (!there[i]) out.gone.push_back(known[i].uid);
  }
  // Without a list of ours what others know was not all taken over: a crash came in between.
  if (known.empty() || (!out.fresh.empty() && !maildir::OwnUidList(*folder).exists())) {
    const Result<void> kept = add_kept_uids(*folder, out);
    if (!kept) return std::unexpected(kept.error());
  }
  return out;
}

Result<void> MaildirDriver::add_kept_uids(const Folder& folder, Look& look) {
  Result<std::optional<maildir::UidList>> list = maildir::OwnUidList(folder).read();
  if (list && !*list) list = maildir::read_dovecot_uid_list(folder);
  if (!list) return std::unexpected(list.error());
  if (!*list) return {};
  std::unordered_map<std::string_view, Uid> uids;
  uids.reserve((*list)->entries.size());
  for (const maildir::UidEntry& entry : (*list)->entries) uids.emplace(entry.base, entry.uid);
  for (Look::Fresh& fresh : look.fresh) {
    const std::string base = base_of(to_place(fresh.location));
    if (const auto known = uids.find(base); known != uids.end()) fresh.uid = known->second;
  }
  look.uid_validity = (*list)->validity;
  look.uid_next = (*list)->next;
  return {};
}

Result<void> MaildirDriver::note_uids(const std::string& mailbox, const Uids& uids) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return std::unexpected(folder.error());
  std::vector<maildir::UidEntry> entries;
  entries.reserve(uids.given.size());
  for (const Known& message : uids.given)
    entries.push_back({message.uid, base_of(to_place(message.location)), {}});
  const maildir::OwnUidList list(*folder);
  if (!uids.all) {
    const Result<size_t> lines = list.append(entries, Sync::later);
    if (!lines) return std::unexpected(lines.error());
    if (!maildir::OwnUidList::is_wasteful(*lines, uids.messages)) return {};
    return fail(FaultKind::not_found, "most of the list is of messages that are gone");
  }
  return list.write({uids.uid_validity, uids.uid_next, {}, std::move(entries), 0}, names_.unique(),
                    Sync::later);
}

Result<Bytes> MaildirDriver::open(const std::string& mailbox, const std::string& location) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return std::unexpected(folder.error());
  const Place place = to_place(location);
  Result<maildir::File> file = folder->open_message(base_of(place), place);
  if (!file) return std::unexpected(file.error());
  Result<maildir::Reader> opened = maildir::Reader::open(std::move(*file));
  if (!opened) return std::unexpected(opened.error());
  struct Shared {
    explicit Shared(maildir::Reader r) : reader(std::move(r)) {}
    std::mutex mutex;
    maildir::Reader reader;
  };
  auto shared = std::make_shared<Shared>(std::move(*opened));
  return Bytes([shared](uint64_t offset, uint64_t length) {
    const std::lock_guard lock(shared->mutex);
    return shared->reader.read(offset, static_cast<size_t>(length));
  });
}

Result<std::vector<std::string>> MaildirDriver::read_beginnings(const std::string& mailbox,
                                                                const std::vector<std::string>& locations,
                                                                uint64_t most) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return std::unexpected(folder.error());
  const Result<maildir::OpenFolder> opened = maildir::OpenFolder::open(*folder);
  if (!opened) return std::unexpected(opened.error());
  std::vector<std::string> out;
  for (const std::string& location : locations) {
    const Place place = to_place(location);
    Result<maildir::File> file = opened->open_message(base_of(place), place);
    if (!file) return std::unexpected(file.error());
    Result<maildir::Reader> reader = maildir::Reader::open(std::move(*file));
    if (!reader) return std::unexpected(reader.error());
    Result<std::string> bytes = reader->read(0, static_cast<size_t>(most));
    if (!bytes) return std::unexpected(bytes.error());
    out.push_back(std::move(*bytes));
  }
  return out;
}

std::vector<Result<std::string>> MaildirDriver::read_all(const std::string& mailbox,
                                                         const std::vector<Wanted>& wanted) {
  const Result<Folder> folder = folder_of(mailbox);
  std::vector<Result<std::string>> out;
  out.reserve(wanted.size());
  for (const Wanted& one : wanted) {
    if (!folder) {
      out.emplace_back(std::unexpected(folder.error()));
      continue;
    }
    const Place place = to_place(one.location);
    Result<maildir::File> file = folder->open_message(base_of(place), place);
    Result<maildir::Reader> reader =
        file ? maildir::Reader::open(std::move(*file)) : std::unexpected(file.error());
    out.push_back(reader ? reader->read(0, one.size + 1) : std::unexpected(reader.error()));
  }
  return out;
}

std::vector<std::string> MaildirDriver::watched(const std::string& mailbox) {
  const Result<Folder> folder = folder_of(mailbox);
  if (!folder) return {};
  return {folder->path(), folder->path() + "/new", folder->path() + "/cur"};
}

}  // namespace

std::unique_ptr<Driver> make_maildir_driver(const std::string& root, const Clock& clock, Random& random) {
  return std::make_unique<MaildirDriver>(root, clock, random);
}

}  // namespace posthouse::mirror
