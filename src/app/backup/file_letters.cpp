#include "app/backup/file_letters.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "app/backup/intake.h"
#include "app/backup/letter_list.h"
#include "app/limits.h"
#include "app/privileges/files_as.h"
#include "base/random.h"
#include "mirror/driver.h"
#include "net/run_blocking.h"
#include "store/file_rows.h"

namespace posthouse::app::backup {
namespace {

constexpr size_t kReadTogether = 500;  // from one mailbox, whose mbox is locked meanwhile
constexpr uint64_t kReadBytes = 4 << 20;
constexpr uint64_t kSmallLetter = 256 << 10;  // larger ones are read in pieces, and have a file of their own

// Of one account in the latest backup.
class Known {
 public:
  void add(store::MailboxId mailbox, std::vector<ListedLetter>&& letters) {
    lists_.emplace(mailbox, std::move(letters));
  }

  // Nearly all are where they were.
  const ListedLetter* find(store::MailboxId mailbox, store::Uid uid, const std::string& stamp) {
    const auto list = lists_.find(mailbox);
    if (list != lists_.end()) {
      const auto at = std::ranges::lower_bound(list->second, uid, {}, &ListedLetter::uid);
      if (at != list->second.end() && at->uid == uid && at->stamp == stamp && !at->sha256.empty())
        return &*at;
    }
    if (by_stamp_.empty()) note_stamps();
    const auto elsewhere = by_stamp_.find(stamp);
    return elsewhere == by_stamp_.end() ? nullptr : elsewhere->second;
  }

 private:
  void note_stamps() {
    for (const auto& [mailbox, letters] : lists_) {
      by_stamp_.reserve(by_stamp_.size() + letters.size());
      for (const ListedLetter& letter : letters) {
        if (!letter.stamp.empty() && !letter.sha256.empty()) by_stamp_.emplace(letter.stamp, &letter);
      }
    }
  }

  std::map<store::MailboxId, std::vector<ListedLetter>> lists_;
  std::unordered_map<std::string_view, const ListedLetter*> by_stamp_;
};

struct Mailbox {
  store::MailboxId id = 0;
  std::string name;
  bool empty = true;
};

struct Shared {
  Core& snapshot;
  Repository& repository;
  const std::optional<User>& owner;
  Rate& rate;
  const Progress& progress;
  uint64_t total = 0, done = 0;
  std::optional<Catalog> latest;
  std::vector<std::string>& warnings;
  LettersTaken out;
  std::unordered_map<std::string, bool> in_pool;          // packs that were looked for
  const uint64_t empty_size = encode_letters({}).size();  // of a list without letters
};

class AccountTaker {
 public:
  AccountTaker(Shared& shared, Intake& intake, const directory::Account& account, store::FilePlace place)
      : shared_(shared),
        intake_(intake),
        account_(account),
        driver_(mirror::make_driver(place, system_clock(), system_random(), nullptr)) {}

  Result<void> run(const std::vector<Mailbox>& mailboxes);

 private:
  struct Wanted {
    store::Uid uid = 0;
    uint64_t size = 0;
    uint64_t email = 0;
    std::string location;
  };
  // A letter that is to be read.
  struct Unread {
    size_t at = 0;  // in the list of its mailbox
    uint64_t size = 0;
    std::string location;
    std::string stamp;  // once it was read
  };
  struct Missed {
    store::MailboxId mailbox = 0;
    Unread letter;
  };

  void learn_known();
  Result<std::vector<Wanted>> page(store::MailboxId mailbox, store::Uid first, bool& more, store::Uid& last);
  Result<void> locate(store::MailboxId mailbox, std::vector<Wanted>& wanted);
  Result<void> take_mailbox(const Mailbox& mailbox);
  std::string stamp(const Wanted& letter) const;
  bool is_in_pool(store::MailboxId mailbox, const Wanted& wanted, const std::string& stamp,
                  ListedLetter& letter);
  bool has_file_of(const ListedLetter& letter) const;
  // What is wrong with the letter is in `why`; a fault is of the pool.
  Result<void> copy(const std::string& mailbox, const Unread& unread, ListedLetter& letter,
                    std::optional<Fault>& why);
  Result<void> keep(const Pieces& pieces, const Unread& unread, ListedLetter& letter,
                    std::optional<Fault>& why);
  Result<void> keep_small(std::string_view bytes, const Unread& unread, ListedLetter& letter,
                          std::optional<Fault>& why);
  Result<void> read_waiting(const Mailbox& mailbox);
  void settle(const Mailbox& mailbox, Unread&& unread, const std::optional<Fault>& why);
  Result<void> find_moved();
  void miss(const Fault& why);
  Result<void> write_lists();

  Shared& shared_;
  Intake& intake_;
  const directory::Account& account_;
  std::unique_ptr<mirror::Driver> driver_;
  Known known_;
  std::map<store::MailboxId, std::vector<ListedLetter>> lists_;
  std::vector<Unread> waiting_;  // small ones, of the mailbox at hand
  uint64_t waiting_bytes_ = 0;
  std::vector<Missed> missed_;
  uint64_t gone_ = 0, unread_ = 0;
  std::string first_unread_;
};

void AccountTaker::learn_known() {
  if (!shared_.latest) return;
  for (const File& file : shared_.latest->files) {
    if (file.part != Part::letters) continue;
    const auto place = parse_list_path(file.path);
    if (!place || place->account != account_.id) continue;
    if (file.size == shared_.empty_size) continue;
    auto letters = shared_.repository.letters(file);
    if (letters) known_.add(place->mailbox, std::move(*letters));  // else all is read again
  }
}

// `wanted` rises by UID.
Result<void> AccountTaker::locate(store::MailboxId mailbox, std::vector<Wanted>& wanted) {
  if (wanted.empty()) return {};
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    auto letter = wanted.begin();
    return reader.scan(store::account_partition(account_.id), store::location_key(mailbox, letter->uid),
                       store::location_end(mailbox, wanted.back().uid),
                       [&](std::string_view key, std::string_view row) {
                         const store::Uid uid = store::uid_of_key(key);
                         while (letter != wanted.end() && letter->uid < uid) ++letter;
                         if (letter == wanted.end()) return false;
                         auto location = store::decode_location(row);
                         if (letter->uid == uid && location) letter->location = std::move(*location);
                         return true;
                       });
  };
  return net::run_blocking(shared_.snapshot.engine.read(std::move(look)));
}

Result<std::vector<AccountTaker::Wanted>> AccountTaker::page(store::MailboxId mailbox, store::Uid first,
                                                             bool& more, store::Uid& last) {
  auto entries = net::run_blocking(
      shared_.snapshot.store.entries(account_.id, mailbox, first, UINT32_MAX, kBackupPage, false));
  if (!entries) return std::unexpected(entries.error());
  more = !entries->empty();
  std::vector<Wanted> out;
  for (const store::Entry& entry : *entries) {
    last = entry.uid;
    if (entry.blob == 0)
      out.push_back({entry.uid, entry.size, entry.email != 0 ? entry.email : entry.delivery, {}});
  }
  if (auto located = locate(mailbox, out); !located) return std::unexpected(located.error());
  return out;
}

// The bytes of an email never change, and no two have the same number. Where the index has taken another file
// for it, that one has another name or digest.
std::string AccountTaker::stamp(const Wanted& letter) const {
  if (letter.email == 0 || letter.location.empty()) return {};
  return stamp_for_list(
      fmt::format("email {} {} {}", letter.email, letter.size, driver_->name_in(letter.location)));
}

bool AccountTaker::is_in_pool(store::MailboxId mailbox, const Wanted& wanted, const std::string& stamp,
                              ListedLetter& letter) {
  const ListedLetter* copy = stamp.empty() ? nullptr : known_.find(mailbox, wanted.uid, stamp);
  if (copy == nullptr || copy->size != wanted.size || !has_file_of(*copy)) return false;
  letter = *copy;
  letter.uid = wanted.uid;
  letter.stamp = stamp;
  return true;
}

// A pack is looked for once, however many letters it has.
bool AccountTaker::has_file_of(const ListedLetter& letter) const {
  File file;
  file.sha256 = letter.pool_name();
  file.size = letter.pool_size();
  if (!letter.pack) return shared_.repository.has(file);
  const auto [known, fresh] = shared_.in_pool.try_emplace(file.sha256);
  if (fresh) known->second = shared_.repository.has(file);
  return known->second;
}

Result<void> AccountTaker::keep(const Pieces& pieces, const Unread& unread, ListedLetter& letter,
                                std::optional<Fault>& why) {
  auto copied = intake_.add_alone(pieces, [&](uint64_t count) { shared_.rate.spend(count); });
  if (why) return {};
  if (!copied) return std::unexpected(copied.error());
  if (copied->size != letter.size) {
    why = Fault{FaultKind::temporary, "its file holds another letter by now"};
    return {};
  }
  letter.sha256 = copied->sha256;
  letter.stamp = unread.stamp;
  return {};
}

Result<void> AccountTaker::keep_small(std::string_view bytes, const Unread& unread, ListedLetter& letter,
                                      std::optional<Fault>& why) {
  if (bytes.size() != letter.size) {
    why = Fault{FaultKind::temporary, "its file holds another letter by now"};
    return {};
  }
  shared_.rate.spend(bytes.size());
  letter.stamp = unread.stamp;
  return intake_.add_to_pack(bytes, letter);
}

Result<void> AccountTaker::copy(const std::string& mailbox, const Unread& unread, ListedLetter& letter,
                                std::optional<Fault>& why) {
  Result<mirror::Bytes> bytes = fail(FaultKind::policy, "");
  {
    const FilesAs rights(shared_.owner);
    if (rights.done()) bytes = driver_->open(mailbox, unread.location);
  }
  if (!bytes) {
    why = bytes.error();
    return {};
  }
  const Pieces pieces = [&](uint64_t at) -> Result<std::string> {
    const FilesAs rights(shared_.owner);
    Result<std::string> piece = (*bytes)(at, kLetterPiece);
    if (!piece) why = piece.error();
    return piece;
  };
  return keep(pieces, unread, letter, why);
}

void AccountTaker::settle(const Mailbox& mailbox, Unread&& unread, const std::optional<Fault>& why) {
  shared_.done += unread.size;
  if (shared_.progress) shared_.progress(std::min(shared_.done, shared_.total), shared_.total);
  if (!why) return;
  const bool perhaps_moved = why->kind == FaultKind::not_found || why->kind == FaultKind::temporary;
  if (perhaps_moved && !unread.location.empty()) {
    missed_.push_back({mailbox.id, std::move(unread)});
  } else {
    miss(*why);
  }
}

// All with one lock, and with the owner's rights once.
Result<void> AccountTaker::read_waiting(const Mailbox& mailbox) {
  if (waiting_.empty()) return {};
  std::vector<Unread> now = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  std::vector<mirror::Driver::Wanted> wanted;
  for (const Unread& one : now) wanted.push_back({one.location, one.size});
  std::vector<Result<std::string>> all;
  {
    const FilesAs rights(shared_.owner);
    if (rights.done()) all = driver_->read_all(mailbox.name, wanted);
  }
  all.resize(now.size(), fail(FaultKind::policy, "the rights of the store's owner are not to be had"));
  std::vector<ListedLetter>& list = lists_[mailbox.id];
  for (size_t i = 0; i < now.size(); ++i) {
    std::optional<Fault> why;
    if (!all[i]) {
      why = all[i].error();
    } else if (auto kept = keep_small(*all[i], now[i], list[now[i].at], why); !kept) {
      return kept;
    }
    settle(mailbox, std::move(now[i]), why);
  }
  return {};
}

void AccountTaker::miss(const Fault& why) {
  if (why.kind == FaultKind::not_found) {
    ++gone_;
    return;
  }
  if (unread_++ == 0) first_unread_ = why.what;
}

Result<void> AccountTaker::take_mailbox(const Mailbox& mailbox) {
  std::vector<ListedLetter>& list = lists_[mailbox.id];
  bool more = !mailbox.empty;
  for (store::Uid last = 0; more && last < UINT32_MAX;) {
    auto wanted = page(mailbox.id, last + 1, more, last);
    if (!wanted) return std::unexpected(wanted.error());
    for (Wanted& one : *wanted) {
      list.push_back({one.uid, one.size, {}, {}, nullptr, 0});
      Unread unread{list.size() - 1, one.size, one.location, stamp(one)};
      std::optional<Fault> why;
      if (one.location.empty()) {
        why = Fault{FaultKind::not_found, ""};
      } else if (is_in_pool(mailbox.id, one, unread.stamp, list.back())) {
        // nothing to read
      } else if (one.size <= kSmallLetter) {
        waiting_bytes_ += one.size;
        waiting_.push_back(std::move(unread));
        const bool full = waiting_.size() >= kReadTogether || waiting_bytes_ >= kReadBytes;
        if (auto read = full ? read_waiting(mailbox) : Result<void>(); !read) return read;
        continue;
      } else if (auto copied = copy(mailbox.name, unread, list.back(), why); !copied) {
        return copied;
      }
      settle(mailbox, std::move(unread), why);
    }
  }
  return read_waiting(mailbox);
}

// Where others moved them while we read.
Result<void> AccountTaker::find_moved() {
  if (missed_.empty()) return {};
  std::unordered_map<std::string, std::pair<std::string, std::string>> places;
  for (const Missed& missed : missed_)
    places.emplace(driver_->name_in(missed.letter.location), std::pair("", ""));
  {
    const FilesAs rights(shared_.owner);
    auto levels = driver_->mailboxes();
    if (levels) {
      for (const mirror::Driver::Level& level : *levels) {
        auto look = driver_->look(level.name, {});
        if (!look) continue;
        for (const auto& fresh : look->fresh) {
          const auto wanted = places.find(driver_->name_in(fresh.location));
          if (wanted != places.end()) wanted->second = {level.name, fresh.location};
        }
      }
    }
  }
  for (const Missed& missed : missed_) {
    const auto& [mailbox, location] = places.at(driver_->name_in(missed.letter.location));
    std::optional<Fault> why;
    if (location.empty()) {
      why = Fault{FaultKind::not_found, ""};
    } else {
      Unread there = missed.letter;
      there.location = location;
      auto copied = copy(mailbox, there, lists_[missed.mailbox][there.at], why);
      if (!copied) return copied;
    }
    if (why) miss(*why);
  }
  return {};
}

Result<void> AccountTaker::write_lists() {
  intake_.end_pack();
  for (const auto& [mailbox, letters] : lists_) {
    const std::string* last = nullptr;
    for (const ListedLetter& letter : letters) {
      if (letter.sha256.empty()) continue;
      ++shared_.out.letters;
      shared_.out.bytes += letter.size;
      if (last == nullptr || *last != letter.pool_name()) shared_.out.names.insert(letter.pool_name());
      last = &letter.pool_name();
    }
    File file;
    file.part = Part::letters;
    file.path = list_path({account_.id, mailbox});
    if (auto added = intake_.add_text(encode_letters(letters), file); !added) return added;
    shared_.out.lists.push_back(std::move(file));
  }
  return {};
}

Result<void> AccountTaker::run(const std::vector<Mailbox>& mailboxes) {
  learn_known();
  for (const Mailbox& mailbox : mailboxes) {
    if (auto taken = take_mailbox(mailbox); !taken) return taken;
  }
  if (auto found = find_moved(); !found) return found;
  if (auto written = write_lists(); !written) return written;
  shared_.out.gone += gone_;
  shared_.out.unread += unread_;
  if (gone_ != 0) {
    shared_.warnings.push_back(
        fmt::format("{}: {} letters were removed from its files while they were read (not in the backup)",
                    account_.address, gone_));
  }
  if (unread_ != 0) {
    shared_.warnings.push_back(
        fmt::format("{}: {} letters can't be read from its files (not in the backup): {}", account_.address,
                    unread_, first_unread_));
  }
  return {};
}

struct Work {
  directory::Account account;
  store::FilePlace place;
  std::vector<Mailbox> mailboxes;
};

// Most mailboxes of most accounts have no letters, and then nothing more is asked about them.
Task<Result<void>> note_empty(Core& snapshot, Work& work) {
  std::function<Result<void>(const engine::Reader&)> look =
      [&work](const engine::Reader& reader) -> Result<void> {
    for (Mailbox& mailbox : work.mailboxes) {
      const auto any = [&mailbox](std::string_view, std::string_view) { return mailbox.empty = false; };
      auto done = reader.scan(store::account_partition(work.account.id), store::flags_key(mailbox.id, 0),
                              store::flags_end(mailbox.id, UINT32_MAX), any);
      if (!done) return done;
    }
    return {};
  };
  Result<void> done = co_await snapshot.engine.read(std::move(look));
  co_return done;
}

Task<Result<std::vector<Work>>> accounts_in_files(Core& snapshot, uint64_t& total) {
  std::vector<Work> out;
  auto accounts = co_await snapshot.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  for (directory::Account& account : *accounts) {
    auto place = co_await snapshot.store.place(account.id);
    if (!place) co_return std::unexpected(place.error());
    if (place->format == store::Format::database) continue;
    auto mailboxes = co_await snapshot.store.mailboxes(account.id);
    if (!mailboxes) co_return std::unexpected(mailboxes.error());
    Work& work = out.emplace_back(std::move(account), std::move(*place));
    for (store::MailboxInfo& mailbox : *mailboxes) {
      total += mailbox.bytes;
      work.mailboxes.push_back({mailbox.id, std::move(mailbox.name)});
    }
    if (auto noted = co_await note_empty(snapshot, work); !noted) co_return std::unexpected(noted.error());
  }
  co_return out;
}

}  // namespace

Result<LettersTaken> take_file_letters(Core& snapshot, Repository& repository,
                                       const std::optional<User>& owner, Rate& rate, const Progress& progress,
                                       std::vector<std::string>& warnings) {
  Shared shared{snapshot, repository, owner, rate, progress, 0, 0, std::nullopt, warnings, {}, {}};
  if (auto latest = repository.find("")) shared.latest = std::move(*latest);
  auto all = net::run_blocking(accounts_in_files(snapshot, shared.total));
  if (!all) return std::unexpected(all.error());
  Intake intake(repository);
  for (const Work& one : *all) {
    auto taken = AccountTaker(shared, intake, one.account, one.place).run(one.mailboxes);
    if (!taken) return std::unexpected(taken.error());
  }
  if (auto flushed = intake.flush(); !flushed) return std::unexpected(flushed.error());
  shared.out.copied += intake.copied();
  return std::move(shared.out);
}

}  // namespace posthouse::app::backup
