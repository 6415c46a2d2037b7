// Thousands of random operations against a simple model in memory; then everything must be equal, changes()
// must tell what a full comparison tells, and check() must find nothing.
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "base/ascii.h"
#include "store/change_rows.h"
#include "store/names.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAccount = 5;

struct ModelMessage {
  uint8_t system = 0;
  std::set<std::string> keywords;
  std::string body;
  bool operator==(const ModelMessage&) const = default;
};

struct ModelMailbox {
  uint32_t uid_validity = 0;
  Uid uid_next = 1;
  std::map<Uid, ModelMessage> messages;
  // What a session saw some time ago.
  ModSeq seen_at = 0;
  std::map<Uid, ModelMessage> seen;
};

class ModelTest {
 public:
  ModelTest(const std::string& engine, uint32_t seed, uint32_t kept_expunges = kKeptExpunges)
      : bed_(engine, kept_expunges, seed % 2 == 0), random_(seed) {
    store_.on_hidden([this](AccountId) { ++hidden_; }, 3, [this](AccountId) { ++pending_; });
    store_.keep_sheets(1);
    bed_.must(store_.create_account(kAccount, "", bed_.place(kAccount)));
    for (const MailboxInfo& info : bed_.must(store_.mailboxes(kAccount))) {
      names_[info.name] = info.id;
      mailboxes_[info.id].uid_validity = info.uid_validity;
    }
  }

  void run(int operations, int compare_each) {
    for (int i = 1; i <= operations && !testing::Test::HasFailure(); ++i) {
      one();
      if (i % compare_each == 0) compare();
    }
    compare();
    EXPECT_THAT(bed_.problems({kAccount}), testing::IsEmpty());
    EXPECT_GT(hidden_, 0);
    EXPECT_GT(pending_, 0);
    sweep();
    EXPECT_THAT(bed_.problems({kAccount}), testing::IsEmpty());
  }

  int forgetful() const { return forgetful_; }
  // Rows of the log that many messages shared, whenever all was compared.
  int shared() const { return shared_; }

 private:
  size_t pick(size_t bound) { return random_() % bound; }
  std::string any_name() {
    static const char* const kLevels[] = {"a", "b", "c", "INBOX", "d"};
    std::string name = kLevels[pick(5)];
    while (pick(3) == 0) name += std::string("/") + kLevels[pick(5)];
    return name;
  }
  std::pair<std::string, MailboxId> any_mailbox() {
    auto it = names_.begin();
    std::advance(it, pick(names_.size()));
    return *it;
  }
  std::vector<Uid> any_uids(MailboxId id) {
    std::vector<Uid> uids;
    const Uid end = mailboxes_[id].uid_next + 1;
    for (size_t n = 1 + pick(8); n > 0; --n) uids.push_back(static_cast<Uid>(pick(end)));
    return uids;
  }
  // Sometimes so many that they share rows of the log.
  std::vector<Uid> few_or_many(MailboxId id) {
    if (pick(4) != 0) return any_uids(id);
    std::vector<Uid> uids;
    const size_t dense = 1 + pick(4);
    const Uid first = 1 + static_cast<Uid>(pick(mailboxes_[id].uid_next));
    for (Uid uid = first; uid < mailboxes_[id].uid_next && uid < first + 200; ++uid) {
      if (pick(dense) == 0) uids.push_back(uid);
    }
    return uids;
  }
  FlagSet any_flags() {
    static const char* const kKeywords[] = {"$Forwarded", "$forwarded", "todo", "work", "Work"};
    FlagSet flags;
    flags.system = static_cast<uint8_t>(pick(32));
    for (size_t n = pick(3); n > 0; --n) flags.keywords.push_back(kKeywords[pick(5)]);
    return flags;
  }
  static std::set<std::string> folded(const std::vector<std::string>& names) {
    std::set<std::string> out;
    for (const std::string& name : names) out.insert(to_lower(name));
    return out;
  }

  void one() {
    switch (pick(20)) {
      case 0:
        return create();
      case 1:
        if (pick(3) == 0) bed_.must(store_.finish_expunges());
        return pick(3) == 0 ? remove_mailbox() : see();
      case 2:
        return pick(2) == 0 ? rename() : see();
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        return append();
      case 8:
      case 9:
        return expunge();
      case 10:
      case 11:
        return copy();
      case 12:
      case 13:
        return move();
      default:
        return flag();
    }
  }

  void learn(const MailboxInfo& info) {
    names_[info.name] = info.id;
    ASSERT_FALSE(mailboxes_.contains(info.id));
    mailboxes_[info.id].uid_validity = info.uid_validity;
    ASSERT_TRUE(validities_.insert(info.uid_validity).second) << "UIDVALIDITY came back";
  }
  void learn_superiors(const std::string& name) {
    for (const std::string& superior : superiors(name)) {
      if (!names_.contains(superior)) learn(bed_.must(store_.mailbox(kAccount, superior)));
    }
  }

  void create() {
    const std::string name = any_name();
    const auto made = bed_.run(store_.create_mailbox(kAccount, name));
    ASSERT_EQ(made.has_value(), !names_.contains(name)) << name;
    if (!made) return;
    learn_superiors(name);
    learn(*made);
  }
  void remove_mailbox() {
    const std::string name = any_name();
    const auto done = bed_.run(store_.delete_mailbox(kAccount, name));
    ASSERT_EQ(done.has_value(), names_.contains(name) && name != "INBOX") << name;
    if (!done) return;
    mailboxes_.erase(names_[name]);
    names_.erase(name);
  }
  void rename() {
    const std::string from = any_name();
    const std::string to = any_name();
    if (from == "INBOX" && names_.contains(from)) return rename_inbox(to);
    const auto has_inferiors = [&](const std::string& above) {
      return std::ranges::any_of(names_, [&](const auto& pair) { return is_inferior(pair.first, above); });
    };
    const bool only_level = !names_.contains(from) && has_inferiors(from) && !has_inferiors(to);
    bool possible = (names_.contains(from) || only_level) && !names_.contains(to) && !is_inferior(to, from);
    std::map<std::string, MailboxId> after = names_;
    std::map<std::string, MailboxId> tree;
    for (const auto& [name, id] : names_) {
      if (name != from && !is_inferior(name, from)) continue;
      after.erase(name);
      tree[to + name.substr(from.size())] = id;
    }
    for (const auto& [name, id] : tree) {
      if (after.contains(name) || !check_name(name)) possible = false;
      // A name that the old tree still has when its turn comes is taken.
      if (names_.contains(name) && tree.contains(name)) possible = possible && !names_.contains(name);
    }
    const auto done = bed_.run(store_.rename_mailbox(kAccount, from, to));
    ASSERT_EQ(done.has_value(), possible) << from << " to " << to;
    if (!done) return;
    after.merge(tree);
    names_ = after;
    learn_superiors(to);
  }
  void rename_inbox(const std::string& to) {
    const auto done = bed_.run(store_.rename_mailbox(kAccount, "INBOX", to));
    ASSERT_EQ(done.has_value(), !names_.contains(to)) << to;
    if (!done) return;
    learn_superiors(to);
    learn(bed_.must(store_.mailbox(kAccount, to)));
    ModelMailbox& inbox = mailboxes_[names_["INBOX"]];
    ModelMailbox& target = mailboxes_[names_[to]];
    for (auto& [uid, message] : inbox.messages) target.messages[target.uid_next++] = message;
    inbox.messages.clear();
  }
  void append() {
    const auto [name, id] = any_mailbox();
    const FlagSet flags = any_flags();
    const std::string body = "body " + std::to_string(++bodies_) + std::string(pick(200), 'x');
    const auto placed = bed_.append(kAccount, name, body, flags);
    ASSERT_TRUE(placed);
    ModelMailbox& mailbox = mailboxes_[id];
    EXPECT_EQ(placed->uid, mailbox.uid_next);
    EXPECT_EQ(placed->uid_validity, mailbox.uid_validity);
    mailbox.messages[mailbox.uid_next++] = ModelMessage{flags.system, folded(flags.keywords), body};
  }
  void flag() {
    const auto [name, id] = any_mailbox();
    const std::vector<Uid> uids = few_or_many(id);
    FlagUpdate update;
    update.change = static_cast<FlagChange>(pick(3));
    update.flags = any_flags();
    const auto updated = bed_.must(store_.update_flags(kAccount, id, uids, update));
    const std::set<std::string> keywords = folded(update.flags.keywords);
    size_t expected = 0;
    for (const Uid uid : std::set<Uid>(uids.begin(), uids.end())) {
      const auto it = mailboxes_[id].messages.find(uid);
      if (it == mailboxes_[id].messages.end()) continue;
      ++expected;
      ModelMessage& message = it->second;
      if (update.change == FlagChange::set) {
        message.system = update.flags.system;
        message.keywords = keywords;
      } else if (update.change == FlagChange::add) {
        message.system = static_cast<uint8_t>(message.system | update.flags.system);
        message.keywords.insert(keywords.begin(), keywords.end());
      } else {
        message.system = static_cast<uint8_t>(message.system & ~update.flags.system);
        for (const std::string& keyword : keywords) message.keywords.erase(keyword);
      }
    }
    EXPECT_EQ(updated.entries.size(), expected);
  }
  void expunge() {
    const auto [name, id] = any_mailbox();
    const std::vector<Uid> uids = few_or_many(id);
    std::vector<Uid> expected;
    for (const Uid uid : std::set<Uid>(uids.begin(), uids.end())) {
      const auto it = mailboxes_[id].messages.find(uid);
      if (it == mailboxes_[id].messages.end() || (it->second.system & kDeleted) == 0) continue;
      expected.push_back(uid);
      mailboxes_[id].messages.erase(it);
    }
    EXPECT_EQ(bed_.must(store_.expunge(kAccount, id, uids)), expected);
  }
  void transfer(bool keep) {
    const auto [from_name, from] = any_mailbox();
    const auto [to_name, to] = any_mailbox();
    const std::vector<Uid> uids = keep ? any_uids(from) : few_or_many(from);
    const Copied done = keep ? bed_.must(store_.copy(kAccount, from, uids, to_name, Quota()))
                             : bed_.must(store_.move(kAccount, from, uids, to_name));
    std::map<Uid, ModelMessage> there;
    for (const Uid uid : uids) {
      const auto it = mailboxes_[from].messages.find(uid);
      if (it != mailboxes_[from].messages.end()) there.insert(*it);
    }
    std::vector<Uid> sources, targets;
    for (const auto& [uid, message] : there) {
      if (!keep) mailboxes_[from].messages.erase(uid);
      sources.push_back(uid);
      targets.push_back(mailboxes_[to].uid_next);
      mailboxes_[to].messages[mailboxes_[to].uid_next++] = message;
    }
    EXPECT_EQ(done.from, sources);
    EXPECT_EQ(done.to, targets);
    EXPECT_EQ(done.mailbox, to);
  }
  void copy() { transfer(true); }
  void move() { transfer(false); }

  // A session looks at a mailbox now, and compares with what changes() tells later.
  void see() {
    const auto [name, id] = any_mailbox();
    ModelMailbox& mailbox = mailboxes_[id];
    const Changes changes = bed_.must(store_.changes(kAccount, id, mailbox.seen_at));
    std::map<Uid, ModelMessage> now = mailbox.seen;
    for (const Uid uid : changes.vanished) EXPECT_EQ(now.erase(uid), 1u) << "told of a message never seen";
    if (changes.forgetful) {
      std::erase_if(now, [&](const auto& seen) { return !mailbox.messages.contains(seen.first); });
      ++forgetful_;
    }
    for (const Entry& entry : changes.changed) {
      EXPECT_GT(entry.modseq, mailbox.seen_at);
      now[entry.uid] = as_model(entry);
    }
    EXPECT_EQ(now, without_bodies(mailbox.messages)) << name;
    mailbox.seen = now;
    mailbox.seen_at = changes.highest;
  }

  static ModelMessage as_model(const Entry& entry) {
    return ModelMessage{entry.flags.system, folded(entry.flags.keywords), ""};
  }
  static std::map<Uid, ModelMessage> without_bodies(std::map<Uid, ModelMessage> messages) {
    for (auto& [uid, message] : messages) message.body.clear();
    return messages;
  }

  void compare() {
    uint64_t messages = 0, bytes = 0;
    std::map<std::string, MailboxId> names;
    for (const MailboxInfo& info : bed_.must(store_.mailboxes(kAccount))) {
      names[info.name] = info.id;
      const ModelMailbox& model = mailboxes_[info.id];
      compare_mailbox(info, model);
      count_shared(info.id);
      messages += info.exists;
      bytes += info.bytes;
    }
    EXPECT_EQ(names, names_);
    const Usage usage = bed_.must(store_.usage(kAccount));
    EXPECT_EQ(usage.messages, messages);
    EXPECT_EQ(usage.bytes, bytes);
  }
  void count_shared(MailboxId id) {
    ASSERT_TRUE(bed_.engine->scan(account_partition(kAccount), change_key(id, 0, 0),
                                  prefix_end(change_key(id, UINT64_MAX, UINT32_MAX)),
                                  [&](std::string_view key, std::string_view value) {
                                    const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
                                    EXPECT_TRUE(row);
                                    shared_ += row && row->shared ? 1 : 0;
                                    return true;
                                  }));
  }
  void compare_mailbox(const MailboxInfo& info, const ModelMailbox& model) {
    EXPECT_EQ(info.uid_validity, model.uid_validity);
    EXPECT_EQ(info.uid_next, model.uid_next);
    ASSERT_EQ(info.exists, model.messages.size());
    const auto entries = bed_.all(kAccount, info.id);
    ASSERT_EQ(entries.size(), model.messages.size());
    uint32_t unseen = 0, deleted = 0;
    uint64_t bytes = 0;
    auto expected = model.messages.begin();
    for (const Entry& entry : entries) {
      ASSERT_EQ(entry.uid, expected->first);
      ModelMessage found = as_model(entry);
      if (pick(20) == 0) {
        EXPECT_EQ(bed_.must(store_.read(kAccount, entry, 0, UINT64_MAX)), expected->second.body);
      }
      found.body = expected->second.body;
      EXPECT_EQ(found, expected->second);
      EXPECT_EQ(entry.size, expected->second.body.size());
      EXPECT_LE(entry.modseq, info.highest_modseq);
      unseen += (entry.flags.system & kSeen) == 0 ? 1 : 0;
      deleted += (entry.flags.system & kDeleted) != 0 ? 1 : 0;
      bytes += entry.size;
      ++expected;
    }
    compare_sheet(info, entries);
    EXPECT_EQ(info.unseen, unseen);
    EXPECT_EQ(info.deleted, deleted);
    EXPECT_EQ(info.bytes, bytes);
  }

  // From memory comes what is in the rows.
  void compare_sheet(const MailboxInfo& info, const std::vector<Entry>& entries) {
    const auto sheet = bed_.must(store_.flags(kAccount, info.id, SIZE_MAX));
    ASSERT_EQ(sheet == nullptr, entries.empty());
    if (sheet == nullptr) return;
    auto expected = entries.begin();
    sheet->for_each(0, UINT32_MAX, [&](const FlagSheet::Mark& mark) {
      if (expected == entries.end()) return false;
      EXPECT_EQ(mark.uid, expected->uid);
      EXPECT_EQ(mark.modseq, expected->modseq);
      EXPECT_EQ(mark.system, expected->flags.system);
      EXPECT_EQ(sheet->keywords(mark).names, expected->flags.keywords);
      return ++expected != entries.end();
    });
    EXPECT_EQ(expected, entries.end());
    EXPECT_EQ(sheet->size(), entries.size());
  }

  void sweep() {
    bed_.must(store_.finish_expunges());
    while (bed_.must(store_.purge_kept(kAccount, SystemTime::max(), 100)).messages > 0) {
    }
    while (bed_.must(store_.sweep(false)) > 0) {
    }
    std::set<std::string> bodies;
    for (const auto& [id, mailbox] : mailboxes_) {
      for (const auto& [uid, message] : mailbox.messages) bodies.insert(message.body);
    }
    EXPECT_EQ(bed_.blobs(), StoreBed::in_database(bodies.size()));
  }

  StoreBed bed_;
  MailStore& store_ = bed_.store;
  std::mt19937 random_;
  std::map<std::string, MailboxId> names_;
  std::map<MailboxId, ModelMailbox> mailboxes_;
  std::set<uint32_t> validities_;
  int forgetful_ = 0;
  int shared_ = 0;
  int hidden_ = 0;   // EXPUNGEs whose rows were removed later
  int pending_ = 0;  // STOREs whose rows were written later
  int bodies_ = 0;
};

TEST(StoreModel, MemoryDoesAsTheModelDoes) {
  ModelTest model("memory", 1);
  model.run(StoreBed::operations(20'000), 500);
  EXPECT_GT(model.shared(), 0);
}

// The same with a log that forgets soon: what it leaves out it must own up to.
TEST(StoreModel, WhatIsForgottenIsSaidToBe) {
  ModelTest model("memory", 3, 2);
  model.run(StoreBed::operations(25'000), 2'500);
  if (StoreBed::format() == Format::database) {
    EXPECT_GT(model.forgetful(), 0);
  }
}

TEST(StoreModel, RocksDoesAsTheModelDoes) {
  ModelTest model("rocksdb", 4);
  model.run(StoreBed::operations(8'000), 200);
  EXPECT_GT(model.shared(), 0);
}

}  // namespace
}  // namespace posthouse::store
