// The catalog says what the store says, whatever happened in it, and what it tells as changes leads from any
// earlier view to the one of now.
#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "../store/store_bed.h"
#include "catalog/limits.h"
#include "catalog/sheet.h"
#include "catalog/stored_catalog.h"
#include "message/summary.h"

namespace posthouse::catalog {
namespace {

using store::kSeen;
using store::StoreBed;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr AccountId kAlice = 7;

// What a client knows: each letter with its mailboxes and conversation, all conversations, all mailboxes.
struct View {
  struct Letter {
    std::set<MailboxId> mailboxes;
    ThreadId thread = 0;
    bool operator==(const Letter&) const = default;
  };
  std::map<EmailId, Letter> letters;
  std::map<ThreadId, std::set<EmailId>> threads;
  std::map<MailboxId, std::string> mailboxes;
  Position position;
};

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : bed_("memory", 20, false), engine_(engine::make_memory_engine()) { start(); }

  void start() {
    bed_.must(bed_.store.create_account(kAlice));
    restart();
  }
  void restart() {
    catalog_ = std::make_unique<Catalog>(*engine_, bed_.store, bed_.random);
    sheets_ = std::make_unique<Sheets>(*catalog_, bed_.store, 1 << 20);
  }

  Uid put(const std::string& mailbox, const std::string& id, const std::string& references = "",
          const std::string& subject = "hello") {
    std::string text = "Subject: " + subject + "\r\n";
    if (!id.empty()) text += "Message-ID: <" + id + "@x>\r\n";
    if (!references.empty()) text += "References: " + references + "\r\n";
    text += "\r\n" + id + "\r\n";
    engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
    bed_.must(writer.append(text));
    store::NewMessage message;
    message.size = text.size();
    message.internal_date = bed_.clock.now();
    message.summary = message::encode(message::summarize(text));
    return bed_.must(bed_.store.append(kAlice, mailbox, writer, std::move(message), store::Quota())).uid;
  }
  MailboxId id_of(const std::string& name) { return bed_.id_of(kAlice, name); }
  void expunge(const std::string& mailbox, std::vector<Uid> uids) {
    bed_.must(bed_.store.remove(kAlice, id_of(mailbox), std::move(uids)));
  }
  void mark_seen(MailboxId mailbox, std::vector<Uid> uids) {
    mark(mailbox, std::move(uids), kSeen, store::FlagChange::add);
  }
  void mark(MailboxId mailbox, std::vector<Uid> uids, uint8_t flags, store::FlagChange change) {
    store::FlagUpdate update;
    update.change = change;
    update.flags.system = flags;
    bed_.must(bed_.store.update_flags(kAlice, mailbox, std::move(uids), update));
  }
  Position refresh() { return bed_.must(catalog_->refresh(kAlice)); }

  // All but those marked \Deleted.
  std::vector<store::Entry> seen_letters(MailboxId mailbox) {
    std::vector<store::Entry> entries = bed_.all(kAlice, mailbox);
    std::erase_if(entries,
                  [](const store::Entry& entry) { return (entry.flags.system & store::kDeleted) != 0; });
    return entries;
  }

  // As the store has it.
  std::map<EmailId, std::set<Place>> places() {
    std::map<EmailId, std::set<Place>> found;
    for (const auto& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) {
      for (const store::Entry& entry : seen_letters(mailbox.id))
        found[entry.email].insert({mailbox.id, entry.uid});
    }
    return found;
  }

  // The whole catalog, compared with the store.
  View view() {
    View out;
    out.position = refresh();
    const auto wanted = places();
    std::vector<EmailId> ids;
    for (const auto& [id, unused] : wanted) ids.push_back(id);
    const std::vector<Email> emails = bed_.must(catalog_->emails(kAlice, ids));
    EXPECT_EQ(emails.size(), wanted.size());
    for (const Email& email : emails) {
      EXPECT_EQ(std::set<Place>(email.places.begin(), email.places.end()), wanted.at(email.id));
      View::Letter& letter = out.letters[email.id];
      letter.thread = email.thread;
      for (const Place& place : email.places) letter.mailboxes.insert(place.mailbox);
      out.threads[email.thread].insert(email.id);
    }
    std::vector<ThreadId> threads;
    for (const auto& [id, unused] : out.threads) threads.push_back(id);
    const auto members = bed_.must(catalog_->threads(kAlice, threads));
    for (size_t i = 0; i < threads.size(); ++i) {
      EXPECT_EQ(std::set<EmailId>(members[i].begin(), members[i].end()), out.threads[threads[i]]);
    }
    for (const auto& mailbox : bed_.must(bed_.store.mailboxes(kAlice)))
      out.mailboxes[mailbox.id] = mailbox.name;
    return out;
  }

  // The sheet says what the store says, whether it was made anew or followed.
  void check_sheet() {
    const auto sheet = bed_.must(sheets_->of(kAlice));
    std::map<std::pair<MailboxId, Uid>, store::Entry> wanted;
    MailboxId trash = 0;
    for (const auto& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) {
      if (mailbox.role == store::Role::trash) trash = mailbox.id;
      for (store::Entry& entry : seen_letters(mailbox.id))
        wanted.emplace(std::pair(mailbox.id, entry.uid), entry);
    }
    ASSERT_EQ(sheet->rows().size(), wanted.size());
    std::map<MailboxId, Sheet::Counts> counts;
    std::map<MailboxId, std::set<ThreadId>> threads, unread;
    std::set<ThreadId> unread_elsewhere, unread_in_trash;
    for (const SheetRow& row : sheet->rows()) {
      const store::Entry& entry = wanted.at({row.mailbox, row.uid});
      EXPECT_EQ(row.email, entry.email);
      EXPECT_EQ(row.flags, entry.flags.system);
      EXPECT_EQ(row.size, entry.size);
      EXPECT_EQ(row.received, entry.internal_date.time_since_epoch().count());
      ++counts[row.mailbox].emails;
      threads[row.mailbox].insert(row.thread);
      if ((row.flags & kSeen) != 0) continue;
      ++counts[row.mailbox].unread_emails;
      (row.mailbox == trash ? unread_in_trash : unread_elsewhere).insert(row.thread);
    }
    for (const auto& [mailbox, of] : threads) {
      counts[mailbox].threads = static_cast<uint32_t>(of.size());
      for (const ThreadId thread : of)
        counts[mailbox].unread_threads +=
            (mailbox == trash ? unread_in_trash : unread_elsewhere).count(thread);
    }
    EXPECT_EQ(sheet->counts(trash), counts);
    EXPECT_EQ(bed_.must(sheets_->of(kAlice)), sheet);  // nothing has changed
  }

  // Asks what changed since `old` was true, `most` at a time, and checks that this leads to `now`.
  void check_changes(const View& old, const View& now, size_t most);
  void check_threads(const View& old, const View& now, size_t most);
  void check_mailboxes(const View& old, const View& now);

  StoreBed bed_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Sheets> sheets_;
};

void CatalogTest::check_changes(const View& old, const View& now, size_t most) {
  std::map<EmailId, View::Letter> known = old.letters;
  Position at = old.position;
  bool more = true;
  while (more) {
    const auto changes = bed_.must(catalog_->email_changes(kAlice, at, most));
    ASSERT_TRUE(changes);
    EXPECT_LE(changes->created.size() + changes->updated.size() + changes->destroyed.size(), most);
    for (const EmailId id : changes->created) {
      EXPECT_FALSE(known.contains(id));
      known[id] = now.letters.contains(id) ? now.letters.at(id) : View::Letter();
    }
    for (const EmailId id : changes->updated) {
      EXPECT_TRUE(known.contains(id));
      known[id] = now.letters.contains(id) ? now.letters.at(id) : View::Letter();
    }
    for (const EmailId id : changes->destroyed) EXPECT_EQ(known.erase(id), 1u);
    at = changes->now;
    more = changes->more;
  }
  EXPECT_EQ(known, now.letters);
  EXPECT_EQ(at, now.position);
}

void CatalogTest::check_threads(const View& old, const View& now, size_t most) {
  std::map<ThreadId, std::set<EmailId>> known = old.threads;
  Position at = old.position;
  bool more = true;
  while (more) {
    const auto changes = bed_.must(catalog_->thread_changes(kAlice, at, most));
    ASSERT_TRUE(changes);
    for (const auto* ids : {&changes->created, &changes->updated}) {
      for (const ThreadId id : *ids) {
        EXPECT_TRUE(known.contains(id) == (ids == &changes->updated) || most != SIZE_MAX);
        if (now.threads.contains(id)) known[id] = now.threads.at(id);
      }
    }
    for (const ThreadId id : changes->destroyed) EXPECT_TRUE(known.erase(id) == 1 || most != SIZE_MAX);
    at = changes->now;
    more = changes->more;
  }
  EXPECT_EQ(known, now.threads);
}

void CatalogTest::check_mailboxes(const View& old, const View& now) {
  std::map<MailboxId, std::string> known = old.mailboxes;
  const auto changes = bed_.must(catalog_->mailbox_changes(kAlice, old.position));
  ASSERT_TRUE(changes);
  for (const MailboxId id : changes->created) {
    EXPECT_FALSE(known.contains(id));
    known[id] = now.mailboxes.at(id);
  }
  for (const MailboxId id : changes->updated) {
    EXPECT_TRUE(known.contains(id));
    EXPECT_TRUE(!changes->only_counts || known[id] == now.mailboxes.at(id));
    known[id] = now.mailboxes.at(id);
  }
  for (const MailboxId id : changes->destroyed) EXPECT_EQ(known.erase(id), 1u);
  EXPECT_EQ(known, now.mailboxes);
}

TEST_F(CatalogTest, ALetterIsOneWhereverItIs) {
  put("INBOX", "a");
  const View first = view();
  ASSERT_EQ(first.letters.size(), 1u);
  bed_.must(bed_.store.copy(kAlice, id_of("INBOX"), {1}, "Archive", store::Quota()));
  const View second = view();
  EXPECT_EQ(second.letters.size(), 1u);
  EXPECT_EQ(second.letters.begin()->second.mailboxes.size(), 2u);
  bed_.must(bed_.store.move(kAlice, id_of("INBOX"), {1}, "Trash"));
  const auto changes = bed_.must(catalog_->email_changes(kAlice, view().position, 10));
  EXPECT_THAT(changes->updated, IsEmpty());
  const auto since = bed_.must(catalog_->email_changes(kAlice, second.position, 10));
  EXPECT_THAT(since->updated, ElementsAre(second.letters.begin()->first));  // moved: not gone and come back
  EXPECT_THAT(since->destroyed, IsEmpty());
  expunge("Trash", {1});
  expunge("Archive", {1});
  const View last = view();
  EXPECT_THAT(bed_.must(catalog_->email_changes(kAlice, first.position, 10))->destroyed,
              ElementsAre(second.letters.begin()->first));
}

TEST_F(CatalogTest, Conversations) {
  put("INBOX", "a");
  put("INBOX", "b", "<a@x>", "Re: hello");
  put("Sent", "c", "<a@x> <b@x>", "AW: hello");
  put("INBOX", "d", "<a@x>", "another subject");
  put("INBOX", "e", "<never-seen@x>");
  put("INBOX", "f", "<never-seen@x>", "Fwd: hello");
  put("INBOX", "", "");
  put("INBOX", "", "");
  const View all = view();
  std::multiset<size_t> sizes;
  for (const auto& [id, members] : all.threads) sizes.insert(members.size());
  EXPECT_EQ(sizes, (std::multiset<size_t>{1, 1, 1, 2, 3}));
}

TEST_F(CatalogTest, AnAnswerToWhatIsGoneBelongsToTheOthers) {
  put("INBOX", "a");
  put("INBOX", "b", "<a@x>", "Re: hello");
  const View before = view();
  ASSERT_EQ(before.threads.size(), 1u);
  expunge("INBOX", {1});
  const View middle = view();
  EXPECT_EQ(middle.threads.begin()->first, before.threads.begin()->first);
  put("INBOX", "c", "<a@x>", "Re: hello");
  EXPECT_EQ(view().threads.size(), 1u);
  // Once all are gone nothing of it is left, and the next is another conversation.
  expunge("INBOX", {2, 3});
  view();
  size_t rows = 0;
  ASSERT_TRUE(engine_->scan(partition(kAlice), "M", "N", [&](auto, auto) { return ++rows > 0; }));
  ASSERT_TRUE(engine_->scan(partition(kAlice), "T", "U", [&](auto, auto) { return ++rows > 0; }));
  EXPECT_EQ(rows, 0u);
  put("INBOX", "d", "<a@x>", "Re: hello");
  EXPECT_NE(view().threads.begin()->first, before.threads.begin()->first);
}

TEST_F(CatalogTest, ItOnlyFollowsWhatItDoesNotKnow) {
  put("INBOX", "a");
  const Position position = refresh();
  EXPECT_EQ(refresh(), position);
  EXPECT_EQ(bed_.must(catalog_->email_changes(kAlice, position, 10))->now, position);
  restart();
  EXPECT_EQ(refresh(), position);  // from its rows
}

TEST_F(CatalogTest, PositionsThatMeanNothing) {
  put("INBOX", "a");
  const Position position = refresh();
  EXPECT_FALSE(
      bed_.must(catalog_->email_changes(kAlice, {position.epoch + 1, position.modseq, 0, 0, 0}, 10)));
  EXPECT_FALSE(
      bed_.must(catalog_->thread_changes(kAlice, {position.epoch, position.modseq + 1, 0, 0, 0}, 10)));
  bed_.must(catalog_->forget(kAlice));
  EXPECT_FALSE(bed_.must(catalog_->mailbox_changes(kAlice, position)));
  EXPECT_NE(refresh().epoch, position.epoch);
  EXPECT_FALSE(bed_.must(catalog_->email_changes(kAlice, position, 10)));
}

TEST_F(CatalogTest, WhatIsMarkedDeletedIsGone) {
  const Uid uid = put("INBOX", "a");
  put("INBOX", "b", "<a@x>");
  const View before = view();
  mark(id_of("INBOX"), {uid}, store::kDeleted, store::FlagChange::add);
  const View marked = view();
  EXPECT_EQ(marked.letters.size(), 1u);
  check_changes(before, marked, SIZE_MAX);
  check_sheet();
  mark(id_of("INBOX"), {uid}, store::kDeleted, store::FlagChange::remove);
  const View back = view();
  EXPECT_EQ(back.letters.size(), 2u);
  EXPECT_EQ(back.threads, before.threads);
  check_changes(marked, back, SIZE_MAX);
  check_changes(before, back, SIZE_MAX);
}

TEST_F(CatalogTest, OnlyCountsChange) {
  const View before = view();
  put("INBOX", "a");
  view();
  const auto changes = bed_.must(catalog_->mailbox_changes(kAlice, before.position));
  EXPECT_THAT(changes->updated, ElementsAre(id_of("INBOX")));
  EXPECT_TRUE(changes->only_counts);
  bed_.must(bed_.store.subscribe(kAlice, "Archive", false));
  refresh();
  EXPECT_FALSE(bed_.must(catalog_->mailbox_changes(kAlice, before.position))->only_counts);
}

// Mailboxes with letters of the same conversation have another count of unread conversations.
TEST_F(CatalogTest, CountsOfOtherMailboxes) {
  put("INBOX", "a");
  put("Archive", "b", "<a@x>");
  put("Sent", "c");
  const View before = view();
  mark_seen(id_of("INBOX"), {1});
  view();
  EXPECT_THAT(bed_.must(catalog_->mailbox_changes(kAlice, before.position))->updated,
              testing::UnorderedElementsAre(id_of("INBOX"), id_of("Archive")));
}

TEST_F(CatalogTest, AnyHistory) {
  for (const uint32_t seed : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u}) {
    std::mt19937 dice(seed);
    const auto roll = [&](size_t sides) { return static_cast<size_t>(dice()) % sides; };
    bed_.must(bed_.store.remove_account(kAlice));
    while (bed_.must(bed_.store.sweep(true)) > 0) {
    }
    bed_.must(catalog_->forget(kAlice));
    start();
    std::vector<View> views = {view()};
    int letters = 0;
    for (int i = 0; i < 150; ++i) {
      const auto mailboxes = bed_.must(bed_.store.mailboxes(kAlice));
      const store::MailboxInfo& one = mailboxes[roll(mailboxes.size())];
      const store::MailboxInfo& other = mailboxes[roll(mailboxes.size())];
      std::vector<Uid> uids = bed_.uids(kAlice, one.id);
      std::erase_if(uids, [&](Uid) { return roll(3) != 0; });
      switch (roll(10)) {
        case 0:
        case 1:
        case 2:
          for (size_t n = roll(4); n > 0; --n) {
            const std::string parent = fmt::format("<m{}@x>", roll(static_cast<size_t>(letters) + 3));
            put(one.name, fmt::format("m{}", letters++), roll(2) == 0 ? parent : "",
                roll(8) == 0 ? "other" : "hello");
          }
          break;
        case 3:
          mark(one.id, uids, roll(2) == 0 ? kSeen : store::kDeleted,
               roll(3) == 0 ? store::FlagChange::remove : store::FlagChange::add);
          break;
        case 4:
          if (!uids.empty()) bed_.must(bed_.store.copy(kAlice, one.id, uids, other.name, store::Quota()));
          break;
        case 5:
        case 6:
          if (!uids.empty() && one.id != other.id)
            bed_.must(bed_.store.move(kAlice, one.id, uids, other.name));
          break;
        case 7:
          bed_.must(bed_.store.remove(kAlice, one.id, uids));
          break;
        case 8:
          bed_.must(bed_.store.create_mailbox(kAlice, fmt::format("box {}", i)));
          break;
        default:
          if (one.name.starts_with("box")) {
            if (roll(2) == 0) {
              bed_.must(bed_.store.delete_mailbox(kAlice, one.name));
            } else {
              bed_.must(bed_.store.rename_mailbox(kAlice, one.name, fmt::format("box {} again", i)));
            }
          }
      }
      if (roll(4) != 0) continue;
      if (roll(5) == 0) restart();
      views.push_back(view());
      if (roll(2) == 0) check_sheet();
      const View& now = views.back();
      const View& old = views[roll(views.size())];
      const size_t most = roll(2) == 0 ? SIZE_MAX : 1 + roll(5);
      check_changes(old, now, most);
      check_threads(old, now, most);
      check_mailboxes(old, now);
      if (HasFailure()) FAIL() << "seed " << seed << ", step " << i;
    }
  }
}

TEST_F(CatalogTest, OneThatIsDamagedIsMadeAnew) {
  const engine::TempDir dir;
  StoredCatalog::Options options;
  options.directory = dir.path() + "/catalog";
  put("INBOX", "a");
  auto stored = StoredCatalog::open(options, bed_.store, bed_.random);
  ASSERT_TRUE(stored);
  const Position first = bed_.must((*stored)->catalog().refresh(kAlice));
  stored->reset();
  stored = StoredCatalog::open(options, bed_.store, bed_.random);
  EXPECT_EQ(bed_.must((*stored)->catalog().refresh(kAlice)), first);
  stored->reset();
  std::ofstream(options.directory + "/1/CURRENT") << "nonsense";
  stored = StoredCatalog::open(options, bed_.store, bed_.random);
  ASSERT_TRUE(stored);
  EXPECT_NE(bed_.must((*stored)->catalog().refresh(kAlice)).epoch, first.epoch);
}

TEST_F(CatalogTest, ALargeMailboxInParts) {
  for (size_t i = 0; i < kPart + 10; ++i) put("INBOX", "m" + std::to_string(i), i == 0 ? "" : "<m0@x>");
  const View before = view();
  EXPECT_EQ(before.letters.size(), kPart + 10);
  EXPECT_EQ(before.threads.size(), 1u);
  std::vector<Uid> uids = bed_.uids(kAlice, id_of("INBOX"));
  uids.pop_back();
  expunge("INBOX", uids);  // more than the log of changes remembers
  const View now = view();
  EXPECT_EQ(now.letters.size(), 1u);
  check_changes(before, now, 100);
  check_sheet();
}

TEST_F(CatalogTest, SheetsTakeSoMuchMemory) {
  Sheets few(*catalog_, bed_.store, 1);
  put("INBOX", "a");
  const auto sheet = bed_.must(few.of(kAlice));
  EXPECT_EQ(bed_.must(few.of(kAlice)), sheet);  // the last one stays
  bed_.must(bed_.store.create_account(kAlice + 1));
  bed_.must(few.of(kAlice + 1));
  EXPECT_NE(bed_.must(few.of(kAlice)), sheet);
}

}  // namespace
}  // namespace posthouse::catalog
