#include "app/backup/bodies.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "app/backup/letter_words.h"
#include "app/limits.h"
#include "engine/blob.h"
#include "net/run_blocking.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;

constexpr store::Uid kFirstLook = 8;             // letters of a mailbox, to see whether any are new
constexpr size_t kBodiesRemembered = 1'000'000;  // that other letters may share
// Ids of bodies rise with the clock (base/id.h), and what comes into a mailbox has its time; both within
// this.
constexpr std::chrono::milliseconds kClockSlack{60'000};
constexpr int kIdTime = 22;  // bits of an id below its time in milliseconds

// Those of the engine (engine/damage_notes.h, engine/rocks_links.h) that go along with a snapshot.
constexpr std::string_view kNotes[] = {"SUSPECT", "LOST", "STAND-INS", "KEEP-BLOBS", "MISSING"};

// Whether something may have happened to bodies that `latest` looked at: files that were changed in place (or
// are all others: of another store, perhaps), or signs of damage.
bool speaks_of_damage(const Catalog& latest, const Catalog& catalog) {
  bool same = false;
  std::map<std::string_view, const File*> before;
  for (const File& file : latest.files) {
    if (file.part == Part::store) before.emplace(file.path, &file);
  }
  for (const File& file : catalog.files) {
    if (file.part != Part::store) continue;
    if (std::ranges::find(kNotes, file.path) != std::end(kNotes)) return true;
    const bool of_letters = file.path.ends_with(".sst") || file.path.ends_with(".blob");
    const auto then = before.find(file.path);
    if (!of_letters || then == before.end()) continue;
    if (then->second->sha256 != file.sha256) return true;
    same = true;
  }
  if (!same) return true;
  return std::ranges::any_of(catalog.damage_seen, [&](const std::string& name) {
    return std::ranges::find(latest.damage_seen, name) == latest.damage_seen.end();
  });
}

class BodyLook {
 public:
  BodyLook(Opened& opened, Catalog& catalog, Rate& rate, const Progress& progress)
      : core_(opened.core()), catalog_(catalog), rate_(rate), progress_(progress) {}

  // Only what came since that one, and what it had lost.
  void go_on_from(const Catalog& latest) {
    from_ = latest.bodies_to;
    newest_ = latest.bodies_to;
    since_ = SystemTime(std::chrono::milliseconds(latest.bodies_to >> kIdTime)) - kClockSlack;
    for (const LostLetter& letter : latest.lost) again_.insert(letter.blob);
  }

  Result<void> run() {
    auto accounts = net::run_blocking(core_.directory.accounts(""));
    if (!accounts) return std::unexpected(accounts.error());
    for (const directory::Account& account : *accounts) {
      auto mailboxes = net::run_blocking(core_.store.mailboxes(account.id));
      if (!mailboxes) return std::unexpected(mailboxes.error());
      for (const store::MailboxInfo& mailbox : *mailboxes) {
        const bool all = from_ == 0 || !again_.empty();
        auto looked = all ? look_into(account, mailbox) : look_at_new(account, mailbox);
        if (!looked) return looked;
      }
    }
    catalog_.bodies_to = std::max<uint64_t>(newest_, 1);
    return {};
  }

 private:
  // Those that came since, which are the last ones.
  Result<void> look_at_new(const directory::Account& account, const store::MailboxInfo& mailbox) {
    store::Uid end = mailbox.uid_next;
    for (store::Uid page = kFirstLook; end > 1; page = kBackupPage) {
      const store::Uid first = end > page ? end - page : 1;
      auto entries =
          net::run_blocking(core_.store.entries(account.id, mailbox.id, first, end - 1, kBackupPage, false));
      if (!entries) return std::unexpected(entries.error());
      bool any = false;
      for (const store::Entry& letter : *entries) {
        any = any || letter.saved >= since_ || letter.blob > from_;
        if (letter.blob != 0 && !is_whole(letter)) note(account, mailbox, letter);
      }
      if (!any && !entries->empty()) return {};
      end = first;
    }
    return {};
  }

  Result<void> look_into(const directory::Account& account, const store::MailboxInfo& mailbox) {
    for (store::Uid last = 0; last < UINT32_MAX;) {
      auto entries = net::run_blocking(
          core_.store.entries(account.id, mailbox.id, last + 1, UINT32_MAX, kBackupPage, false));
      if (!entries) return std::unexpected(entries.error());
      if (entries->empty()) return {};
      last = entries->back().uid;
      for (const store::Entry& letter : *entries) {
        if (letter.blob == 0 || is_whole(letter)) continue;
        note(account, mailbox, letter);
      }
    }
    return {};
  }

  bool is_whole(const store::Entry& letter) {
    newest_ = std::max<uint64_t>(newest_, letter.blob);
    if (letter.blob <= from_ && !again_.contains(letter.blob)) return true;
    if (const auto known = known_.find(letter.blob); known != known_.end()) return known->second;
    std::function<Result<void>(const engine::Reader&)> check = [&](const engine::Reader& reader) {
      return engine::check_blob(reader, letter.blob);
    };
    const bool whole = net::run_blocking(core_.engine.read(std::move(check))).has_value();
    if (known_.size() >= kBodiesRemembered) known_.clear();
    known_.emplace(letter.blob, whole);
    rate_.spend(letter.size);
    done_ += letter.size;
    if (progress_ && from_ == 0) progress_(std::min(done_, catalog_.bytes), catalog_.bytes);
    return whole;
  }

  void note(const directory::Account& account, const store::MailboxInfo& mailbox,
            const store::Entry& letter) {
    if (catalog_.lost.size() >= kMostLost) {
      ++catalog_.lost_more;
      return;
    }
    auto with_words =
        net::run_blocking(core_.store.entries(account.id, mailbox.id, letter.uid, letter.uid, 1, true));
    const bool has_words = with_words && with_words->size() == 1;
    catalog_.lost.push_back({account.address, mailbox.name, letter.uid, letter.blob,
                             has_words ? words_for(with_words->front()) : std::string()});
  }

  Core& core_;
  Catalog& catalog_;
  Rate& rate_;
  const Progress& progress_;
  uint64_t from_ = 0;  // bodies up to here were looked at
  SystemTime since_{};
  uint64_t newest_ = 0;
  std::set<uint64_t> again_;
  std::unordered_map<uint64_t, bool> known_;
  uint64_t done_ = 0;
};

}  // namespace

std::vector<std::string> damage_of(const std::string& store_directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator it(store_directory + ".damaged", error), end; !error && it != end;
       it.increment(error))
    out.push_back(it->path().filename().string());
  std::ranges::sort(out);
  return out;
}

void look_at_bodies(Opened& opened, const Catalog* latest, Catalog& catalog, Rate& rate,
                    const Progress& progress, std::vector<std::string>& warnings) {
  BodyLook look(opened, catalog, rate, progress);
  const bool known = latest != nullptr && latest->bodies_to != 0 && latest->lost_more == 0;
  // A clock that stepped back may have given new bodies the ids of old ones.
  const bool in_order = known && latest->id < catalog.id;
  if (in_order && !speaks_of_damage(*latest, catalog)) look.go_on_from(*latest);
  if (auto looked = look.run(); !looked) {
    warnings.push_back(
        fmt::format("which bodies of letters are lost can't be told: {}", looked.error().what));
    return;
  }
  for (const LostLetter& letter : catalog.lost)
    warnings.push_back(letter.line() + ": its body is lost (not in the backup)");
  if (catalog.lost_more != 0) warnings.push_back(fmt::format("and {} letters more", catalog.lost_more));
}

}  // namespace posthouse::app::backup
