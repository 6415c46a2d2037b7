#include "app/backup/damaged_letters.h"

#include <map>

#include "app/backup/letter_words.h"
#include "app/backup/opened.h"
#include "app/limits.h"
#include "engine/blob.h"
#include "net/run_blocking.h"

namespace posthouse::app::backup {
namespace {

constexpr size_t kLettersTold = 1'000;

class Teller {
 public:
  Teller(const Repository& repository, const std::set<std::string>& damaged)
      : repository_(repository), damaged_(damaged) {}

  void look_into(const Catalog& catalog) {
    bool of_store = false, of_lists = false;
    for (const File& file : catalog.files) {
      of_store = of_store || (file.part == Part::store && damaged_.contains(file.sha256));
      of_lists = of_lists || file.part == Part::letters;
    }
    if (!of_store && !of_lists) return;
    auto opened = Opened::open(repository_, catalog, Config{});
    Result<void> looked =
        opened ? look_into(**opened, catalog.id, of_store) : std::unexpected(opened.error());
    if (!looked) {
      faults_.push_back(
          fmt::format("{}: which letters are damaged can't be told: {}", catalog.id, looked.error().what));
    }
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> out = faults_;
    for (const auto& [letter, backups] : letters_)
      out.push_back(fmt::format("{}: belongs to {}", letter, fmt::join(backups, ", ")));
    if (more_ != 0) out.push_back(fmt::format("and {} letters more", more_));
    return out;
  }

 private:
  Result<void> look_into(Opened& opened, const std::string& id, bool of_store) {
    auto accounts = net::run_blocking(opened.core().directory.accounts(""));
    if (!accounts) return std::unexpected(accounts.error());
    for (const directory::Account& account : *accounts) {
      if (!of_store && !opened.files().has(account.id)) continue;
      auto mailboxes = net::run_blocking(opened.core().store.mailboxes(account.id));
      if (!mailboxes) return std::unexpected(mailboxes.error());
      for (const store::MailboxInfo& mailbox : *mailboxes) {
        if (auto looked = look_into(opened, account, mailbox, id); !looked) return looked;
      }
    }
    return {};
  }

  Result<void> look_into(Opened& opened, const directory::Account& account, const store::MailboxInfo& mailbox,
                         const std::string& id) {
    for (store::Uid last = 0; last < UINT32_MAX;) {
      auto entries = net::run_blocking(
          opened.core().store.entries(account.id, mailbox.id, last + 1, UINT32_MAX, kBackupPage, true));
      if (!entries) return std::unexpected(entries.error());
      if (entries->empty()) return {};
      last = entries->back().uid;
      for (const store::Entry& letter : *entries) {
        if (is_whole(opened, account, letter)) continue;
        note(fmt::format("{}, {}, UID {}{}", account.address, mailbox.name, letter.uid, words_for(letter)),
             id);
      }
    }
    return {};
  }

  bool is_whole(Opened& opened, const directory::Account& account, const store::Entry& letter) const {
    if (letter.blob == 0) {
      const auto listed = opened.files().find(account.id, letter.mailbox, letter.uid);
      if (!listed || !damaged_.contains((*listed)->pool_name())) return true;
      return (*listed)->pack && opened.files().check(**listed).has_value();
    }
    std::function<Result<void>(const engine::Reader&)> check = [&](const engine::Reader& reader) {
      return engine::check_blob(reader, letter.blob);
    };
    return net::run_blocking(opened.core().engine.read(std::move(check))).has_value();
  }

  void note(std::string letter, const std::string& id) {
    if (letters_.size() >= kLettersTold && !letters_.contains(letter)) {
      ++more_;
      return;
    }
    letters_[std::move(letter)].insert(id);
  }

  const Repository& repository_;
  const std::set<std::string>& damaged_;
  std::vector<std::string> faults_;
  std::map<std::string, std::set<std::string>> letters_;  // with the backups that have them
  uint64_t more_ = 0;
};

}  // namespace

std::vector<std::string> damaged_letters(const Repository& repository, const std::vector<Catalog>& catalogs,
                                         const std::set<std::string>& damaged) {
  Teller teller(repository, damaged);
  for (const Catalog& catalog : catalogs) teller.look_into(catalog);
  return teller.lines();
}

}  // namespace posthouse::app::backup
