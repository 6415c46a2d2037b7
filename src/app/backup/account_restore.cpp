#include "app/backup/account_restore.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "app/backup/present_letters.h"
#include "app/limits.h"
#include "base/base64.h"
#include "directory/records.h"
#include "message/address.h"
#include "message/summary.h"
#include "net/run_blocking.h"
#include "store/names.h"

namespace posthouse::app::backup {
namespace {

namespace json = boost::json;

constexpr uint64_t kSamples = 20;  // of each mailbox

std::string without_brackets(std::string_view id) {
  while (!id.empty() && (id.front() == ' ' || id.front() == '<')) id.remove_prefix(1);
  while (!id.empty() && (id.back() == ' ' || id.back() == '>')) id.remove_suffix(1);
  return std::string(id);
}

class AccountRestorer {
 public:
  AccountRestorer(Opened& opened, const Catalog& catalog, control::Admin& admin, const Selection& what,
                  bool check, const Progress& progress)
      : opened_(opened),
        backup_(opened.core()),
        admin_(admin),
        what_(what),
        check_(check),
        progress_(progress) {
    for (const LostLetter& letter : catalog.lost) lost_.insert(letter.blob);
  }

  Result<AccountOutcome> run();

 private:
  Result<void> find_account();
  Result<void> make_account();
  Result<void> make_domain();
  Result<void> add_aliases();
  Result<std::string> password_hash();
  Result<void> find_mailboxes();
  Result<PresentLetters> present();
  Result<void> restore(const store::MailboxInfo& mailbox, PresentLetters& present);
  Result<void> restore_one(const store::MailboxInfo& mailbox, const store::Entry& letter,
                           PresentLetters& present, MailboxOutcome& outcome);
  Result<void> put_back(const store::Entry& letter);
  Result<void> put_back_alone(const store::Entry& letter);
  Result<void> send_waiting(bool more = false);
  Result<void> send(json::array letters, const control::LetterPieces& pieces, bool more);
  Result<void> make_mailbox(const store::MailboxInfo& mailbox);
  Result<void> restore_annotations(store::MailboxId mailbox, const std::string& name);
  Result<void> restore_rights(store::MailboxId mailbox, const std::string& name);
  Result<std::vector<store::Entry>> page(store::MailboxId mailbox, uint64_t first, bool with_summary);
  bool wanted(const store::Entry& letter) const;
  Result<uint64_t> checksum(const store::Entry& letter);
  Result<void> read_through(const store::Entry& letter);
  void damaged(const store::MailboxInfo& mailbox, const store::Entry& letter, const Fault& fault);
  Result<void> on_reader(const std::function<Result<void>(const engine::Reader&)>& look) {
    return net::run_blocking(backup_.engine.read(look));
  }

  Opened& opened_;
  Core& backup_;
  control::Admin& admin_;
  const Selection& what_;
  const bool check_;
  const Progress& progress_;
  std::set<uint64_t> lost_;  // bodies
  std::string address_;
  directory::Account account_;
  bool there_ = true;  // the account, in the running system
  std::vector<store::MailboxInfo> all_, chosen_;
  std::vector<std::string> made_;
  std::string now_;      // the mailbox that letters go to
  json::array waiting_;  // for the transaction that takes them: described
  std::string bytes_;    // of them
  uint64_t done_ = 0, total_ = 0;
  AccountOutcome out_;
};

Result<void> AccountRestorer::find_account() {
  auto address = message::address_key(what_.account);
  if (!address) return std::unexpected(address.error());
  address_ = *address;
  auto account = net::run_blocking(backup_.directory.account(address_));
  if (!account && account.error().kind == FaultKind::not_found)
    return fail(FaultKind::not_found, fmt::format("the backup has no account {}", address_));
  if (!account) return std::unexpected(account.error());
  account_ = *account;
  if (!check_) return make_account();
  json::object arguments;
  arguments["address"] = address_;
  auto shown = admin_.call("account.show", std::move(arguments), nullptr);
  if (shown) return {};
  if (shown.error().kind != FaultKind::not_found) return std::unexpected(shown.error());
  there_ = false;
  out_.made_account = true;
  return {};
}

namespace {

void put(json::object& into, std::string_view name, const std::optional<uint64_t>& number) {
  if (number) into[name] = *number;
}

bool is_there(const Result<json::value>& answer) {
  return answer || answer.error().kind == FaultKind::exists;
}

}  // namespace

// One that is there already stays as it is.
Result<void> AccountRestorer::make_domain() {
  const std::string name = address_.substr(address_.rfind('@') + 1);
  auto domains = net::run_blocking(backup_.directory.domains());
  if (!domains) return std::unexpected(domains.error());
  json::object bare;
  bare["name"] = name;
  json::object whole = bare;
  for (const directory::Domain& domain : *domains) {
    if (domain.name != name) continue;
    put(whole, "quota_bytes", domain.quota_bytes);
    put(whole, "quota_messages", domain.quota_messages);
    put(whole, "total_bytes", domain.total_bytes);
    put(whole, "total_messages", domain.total_messages);
    whole["store"] = domain.store_format;
    whole["catch_all"] = domain.catch_all;
  }
  auto added = admin_.call("domain.add", whole, nullptr);
  if (!is_there(added) &&
      added.error().kind == FaultKind::policy) {  // by now its catch-all leads in a circle
    whole.erase("catch_all");
    added = admin_.call("domain.add", std::move(whole), nullptr);
  }
  return is_there(added) ? Result<void>() : std::unexpected(added.error());
}

// If it is not there; its domain and aliases as well, where they are missing.
Result<void> AccountRestorer::make_account() {
  json::object account;
  account["address"] = address_;
  account["display_name"] = account_.display_name;
  account["admin"] = account_.admin;
  account["shared"] = account_.shared;
  account["enabled"] = account_.enabled;
  account["created"] =
      int64_t{std::chrono::duration_cast<milliseconds>(account_.created.time_since_epoch()).count()};
  put(account, "quota_bytes", account_.quota_bytes);
  put(account, "quota_messages", account_.quota_messages);
  auto place = net::run_blocking(backup_.store.place(account_.id));
  if (!place) return std::unexpected(place.error());
  account["store"] = store::to_string(place->format);
  auto hash = password_hash();
  if (!hash) return std::unexpected(hash.error());
  account["password_hash"] = *hash;
  auto record = net::run_blocking(backup_.directory.app_passwords_record(account_.id));
  if (!record) return std::unexpected(record.error());
  account["app_passwords"] = base64_encode(*record);
  auto made = admin_.call("restore.account", account, nullptr);
  if (!made && made.error().kind == FaultKind::not_found) {  // its domain is gone too
    if (auto domain = make_domain(); !domain) return domain;
    made = admin_.call("restore.account", std::move(account), nullptr);
  }
  if (!made) return std::unexpected(made.error());
  const auto* answer = made->is_object() ? made->get_object().if_contains("made") : nullptr;
  if (answer == nullptr || !answer->is_bool()) return fail(FaultKind::io, "restore.account: no answer");
  out_.made_account = answer->get_bool();
  return out_.made_account ? add_aliases() : Result<void>();
}

Result<void> AccountRestorer::add_aliases() {
  auto aliases = net::run_blocking(backup_.directory.aliases(""));
  if (!aliases) return std::unexpected(aliases.error());
  for (const directory::Alias& alias : *aliases) {
    if (std::ranges::find(alias.targets, address_) == alias.targets.end()) continue;
    json::object arguments;
    arguments["address"] = alias.address;
    arguments["targets"] = json::array(alias.targets.begin(), alias.targets.end());
    if (auto added = admin_.call("alias.add", std::move(arguments), nullptr); !is_there(added))
      return std::unexpected(added.error());
  }
  return {};
}

// "" for none.
Result<std::string> AccountRestorer::password_hash() {
  std::string hash;
  auto found = on_reader([&](const engine::Reader& reader) -> Result<void> {
    auto row = reader.get(directory::kPartition, directory::credential_row(account_.id));
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    auto credential = directory::decode_credential(**row);
    if (!credential) return std::unexpected(credential.error());
    hash = credential->hash;
    return {};
  });
  if (!found) return std::unexpected(found.error());
  return hash;
}

Result<void> AccountRestorer::find_mailboxes() {
  auto all = net::run_blocking(backup_.store.mailboxes(account_.id));
  if (!all) return std::unexpected(all.error());
  all_ = std::move(*all);
  const auto wanted = store::check_name(what_.mailbox);  // INBOX in any case
  for (const store::MailboxInfo& mailbox : all_) {
    if (!what_.mailbox.empty() && mailbox.name != what_.mailbox && (!wanted || mailbox.name != *wanted))
      continue;
    chosen_.push_back(mailbox);
    total_ += mailbox.exists;
  }
  if (chosen_.empty())
    return fail(FaultKind::not_found,
                fmt::format("{} had no mailbox {} in the backup", address_, what_.mailbox));
  return {};
}

Result<std::vector<store::Entry>> AccountRestorer::page(store::MailboxId mailbox, uint64_t first,
                                                        bool with_summary) {
  if (first > UINT32_MAX) return std::vector<store::Entry>();
  return net::run_blocking(backup_.store.entries(account_.id, mailbox, static_cast<store::Uid>(first),
                                                 UINT32_MAX, kBackupPage, with_summary));
}

// What the account has in any mailbox, of now or of then.
Result<PresentLetters> AccountRestorer::present() {
  std::unordered_set<uint64_t> deliveries;
  for (const store::MailboxInfo& mailbox : all_) {
    for (uint64_t first = 1;;) {
      auto entries = page(mailbox.id, first, false);
      if (!entries) return std::unexpected(entries.error());
      if (entries->empty()) break;
      for (const store::Entry& entry : *entries) deliveries.insert(entry.delivery);
      first = uint64_t{entries->back().uid} + 1;
    }
  }
  PresentLetters out(std::move(deliveries));
  if (!there_) return out;
  json::object arguments;
  arguments["address"] = address_;
  auto shown = admin_.call("account.show", std::move(arguments), nullptr);
  if (!shown) return std::unexpected(shown.error());
  const auto* names = shown->is_object() ? shown->get_object().if_contains("mailboxes") : nullptr;
  if (names == nullptr || !names->is_array()) return fail(FaultKind::io, "account.show: no mailboxes");
  for (const auto& name : names->get_array()) {
    if (!name.is_string()) continue;
    if (auto added = out.add(admin_, address_, std::string(name.get_string())); !added)
      return std::unexpected(added.error());
  }
  return out;
}

bool AccountRestorer::wanted(const store::Entry& letter) const {
  if (what_.uid && letter.uid != *what_.uid) return false;
  if (what_.message_id.empty()) return true;
  auto summary = message::decode(letter.summary);
  return summary && without_brackets(summary->envelope.message_id) == without_brackets(what_.message_id);
}

// As a blob has it, also of a letter that was in a file.
Result<uint64_t> AccountRestorer::checksum(const store::Entry& letter) {
  engine::BlobChecksum read;
  for (uint64_t at = 0; letter.blob == 0 && at < letter.size;) {
    auto piece = net::run_blocking(backup_.store.read(account_.id, letter, at, engine::kBlobChunk));
    if (!piece) return fail(FaultKind::corrupt, piece.error().what);
    if (piece->empty()) break;
    read.feed(*piece);
    at += piece->size();
  }
  if (letter.blob == 0) return read.value();
  uint64_t out = 0;
  auto done = on_reader([&](const engine::Reader& reader) -> Result<void> {
    auto found = engine::blob_checksum(reader, letter.blob);
    if (!found) return std::unexpected(found.error());
    out = *found;
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<void> AccountRestorer::read_through(const store::Entry& letter) {
  if (letter.blob == 0) {
    auto listed = opened_.files().find(account_.id, letter.mailbox, letter.uid);
    if (!listed) return std::unexpected(listed.error());
    return opened_.files().check(**listed);
  }
  return on_reader([&](const engine::Reader& reader) { return engine::check_blob(reader, letter.blob); });
}

void AccountRestorer::damaged(const store::MailboxInfo& mailbox, const store::Entry& letter,
                              const Fault& fault) {
  out_.damaged.push_back(fmt::format("{} UID {}: {}", mailbox.name, letter.uid, fault.what));
}

Result<void> AccountRestorer::make_mailbox(const store::MailboxInfo& mailbox) {
  const std::string& name = what_.into.empty() ? mailbox.name : what_.into;
  if (std::ranges::find(made_, name) != made_.end()) return {};
  json::object arguments;
  arguments["address"] = address_;
  arguments["mailbox"] = name;
  arguments["role"] = what_.into.empty() ? static_cast<uint64_t>(mailbox.role) : uint64_t{0};
  arguments["subscribed"] = what_.into.empty() ? mailbox.subscribed : true;
  auto made = admin_.call("restore.mailbox", std::move(arguments), nullptr);
  if (!made) return std::unexpected(made.error());
  made_.push_back(name);
  // Rights that were taken back from a mailbox since don't come back; those of one that is gone do.
  const bool anew = out_.made_account || (made->is_object() && made->get_object().contains("made"));
  return anew && what_.into.empty() ? restore_rights(mailbox.id, name) : Result<void>();
}

Result<void> AccountRestorer::restore_rights(store::MailboxId mailbox, const std::string& name) {
  auto all = net::run_blocking(backup_.store.rights_entries(account_.id, mailbox));
  if (!all) return std::unexpected(all.error());
  json::array entries;
  for (const store::RightsEntry& entry : *all) {
    std::string address;
    if (entry.who != store::kAnyone) {
      auto who = net::run_blocking(backup_.directory.account(entry.who));
      if (!who) continue;
      address = who->address;
    }
    entries.push_back(json::array{entry.who, address, entry.granted, entry.denied});
  }
  if (entries.empty()) return {};
  json::object arguments;
  arguments["address"] = address_;
  arguments["mailbox"] = name;
  arguments["entries"] = std::move(entries);
  auto done = admin_.call("restore.rights", std::move(arguments), nullptr);
  if (!done) return std::unexpected(done.error());
  return {};
}

// Those that are not there. `name` is "" for mailbox 0, the account itself.
Result<void> AccountRestorer::restore_annotations(store::MailboxId mailbox, const std::string& name) {
  auto all = net::run_blocking(backup_.store.annotations(account_.id, mailbox));
  if (!all) return std::unexpected(all.error());
  for (size_t at = 0; at < all->size();) {
    json::array entries;
    for (size_t bytes = 0; at < all->size() && bytes < kLargestRequest / 4; ++at) {
      const store::Annotation& one = (*all)[at];
      bytes += one.name.size() + one.value.size();
      entries.push_back(json::array{one.name, base64_encode(one.value)});
    }
    json::object arguments;
    arguments["address"] = address_;
    arguments["mailbox"] = name;
    arguments["entries"] = std::move(entries);
    auto done = admin_.call("restore.annotations", std::move(arguments), nullptr);
    if (!done) return std::unexpected(done.error());
  }
  return {};
}

Result<void> AccountRestorer::send(json::array letters, const control::LetterPieces& pieces, bool more) {
  json::object arguments;
  arguments["address"] = address_;
  arguments["mailbox"] = now_;
  arguments["letters"] = std::move(letters);
  arguments["returned"] = true;
  arguments["more"] = more;
  auto done = admin_.send("import.letters", std::move(arguments), pieces);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> AccountRestorer::send_waiting(bool more) {
  if (waiting_.empty()) return {};
  size_t at = 0;
  auto sent = send(
      std::exchange(waiting_, {}),
      [&]() -> Result<std::string> {
        std::string piece = bytes_.substr(at, kLetterPiece);
        at += piece.size();
        return piece;
      },
      more);
  bytes_.clear();
  return sent;
}

json::array described(const store::Entry& letter) {
  json::array out;
  out.emplace_back(letter.size);
  out.emplace_back(int64_t{letter.internal_date.time_since_epoch().count()});
  out.emplace_back(letter.flags.system);
  out.push_back(json::array(letter.flags.keywords.begin(), letter.flags.keywords.end()));
  return out;
}

// A large one, behind those that wait: the order stays.
Result<void> AccountRestorer::put_back_alone(const store::Entry& letter) {
  if (auto sent = send_waiting(); !sent) return sent;
  uint64_t at = 0;
  json::array alone;
  alone.push_back(described(letter));
  return send(
      std::move(alone),
      [&]() -> Result<std::string> {
        auto piece = net::run_blocking(backup_.store.read(account_.id, letter, at, kLetterPiece));
        if (piece) at += piece->size();
        return piece;
      },
      false);
}

// Many in one transaction: what is flushed for one is flushed for all.
Result<void> AccountRestorer::put_back(const store::Entry& letter) {
  if (letter.size > kImportBytes) return put_back_alone(letter);
  if (bytes_.size() + letter.size > kImportBytes || waiting_.size() == kImportTogether) {
    if (auto sent = send_waiting(true); !sent) return sent;
  }
  const size_t before = bytes_.size();
  while (bytes_.size() - before < letter.size) {
    auto piece =
        net::run_blocking(backup_.store.read(account_.id, letter, bytes_.size() - before, letter.size));
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(FaultKind::corrupt, "a letter is shorter than it was");
    bytes_ += *piece;
  }
  waiting_.push_back(described(letter));
  return {};
}

Result<void> AccountRestorer::restore_one(const store::MailboxInfo& mailbox, const store::Entry& letter,
                                          PresentLetters& present, MailboxOutcome& outcome) {
  if (letter.blob == 0 && !opened_.files().find(account_.id, mailbox.id, letter.uid)) {
    ++outcome.left_out;
    return {};
  }
  ++outcome.in_backup;
  auto there = present.take(admin_, address_, letter, [&] { return checksum(letter); });
  if (!there && there.error().kind != FaultKind::corrupt) return std::unexpected(there.error());
  if (there && *there) {
    ++outcome.there;
    return {};
  }
  if (lost_.contains(letter.blob)) {
    out_.lost.push_back(
        fmt::format("{} UID {}: its body was lost before the backup was made", mailbox.name, letter.uid));
    return {};
  }
  // Before it is sent, so that a damaged body is told from a server that fails.
  const bool look = !check_ || outcome.sampled < kSamples;
  if (look) {
    if (check_) ++outcome.sampled;
    if (auto whole = read_through(letter); !whole) {
      damaged(mailbox, letter, whole.error());
      return {};
    }
  }
  ++outcome.missing;
  if (check_) return {};
  if (auto made = make_mailbox(mailbox); !made) return made;
  return put_back(letter);
}

Result<void> AccountRestorer::restore(const store::MailboxInfo& mailbox, PresentLetters& present) {
  MailboxOutcome outcome;
  outcome.mailbox = mailbox.name;
  now_ = what_.into.empty() ? mailbox.name : what_.into;
  const bool all = what_.message_id.empty() && !what_.uid && what_.into.empty();
  if (all && !check_) {
    if (auto made = make_mailbox(mailbox); !made) return made;
    if (auto done = restore_annotations(mailbox.id, mailbox.name); !done) return done;
  }
  for (uint64_t first = what_.uid.value_or(1);;) {
    auto entries = page(mailbox.id, first, !what_.message_id.empty());
    if (!entries) return std::unexpected(entries.error());
    if (entries->empty()) break;
    for (const store::Entry& letter : *entries) {
      if (progress_) progress_(++done_, total_);
      if (!wanted(letter)) continue;
      if (auto done = restore_one(mailbox, letter, present, outcome); !done) return done;
    }
    if (what_.uid) break;
    first = uint64_t{entries->back().uid} + 1;
  }
  out_.mailboxes.push_back(std::move(outcome));
  return send_waiting();
}

Result<AccountOutcome> AccountRestorer::run() {
  control::Admin::Hold alone;
  if (!check_) {
    auto held = admin_.hold(what_.account);
    if (!held) return std::unexpected(held.error());
    alone = std::move(*held);
  }
  if (auto found = find_account(); !found) return std::unexpected(found.error());
  if (auto found = find_mailboxes(); !found) return std::unexpected(found.error());
  auto there = present();
  if (!there) return std::unexpected(there.error());
  for (const store::MailboxInfo& mailbox : chosen_) {
    if (auto done = restore(mailbox, *there); !done) return std::unexpected(done.error());
  }
  const bool all = what_.mailbox.empty() && what_.message_id.empty() && !what_.uid && what_.into.empty();
  if (all && !check_) {
    if (auto done = restore_annotations(0, ""); !done) return std::unexpected(done.error());
  }
  if (out_.made_account && !check_) {
    json::object arguments;
    arguments["address"] = address_;
    auto ended = admin_.call("restore.end", std::move(arguments), nullptr);
    if (!ended) return std::unexpected(ended.error());
  }
  return std::move(out_);
}

}  // namespace

Result<AccountOutcome> restore_account(Opened& backup, const Catalog& catalog, control::Admin& admin,
                                       const Selection& what, bool check, const Progress& progress) {
  return AccountRestorer(backup, catalog, admin, what, check, progress).run();
}

}  // namespace posthouse::app::backup
