// Everything behind the SMTP door, in memory: directory, store, queue, delivery, acceptance. Domain
// example.test with alice (an admin) and bob.
#pragma once

#include "acceptance/acceptance.h"
#include "base/id.h"
#include "base/pool.h"
#include "delivery/delivery.h"
#include "directory/directory.h"
#include "engine/memory_engine.h"
#include "queue/queue.h"
#include "store/mail_store.h"
#include "support/engine_with_faults.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/seeded_random.h"

namespace posthouse::test {

class PostOffice : public ::testing::Test {
 protected:
  PostOffice() { open({}, {}); }

  // Opens the rooms again, on the same rows.
  void open(delivery::Options delivery_options, acceptance::Options acceptance_options) {
    acceptance.reset();
    delivery = std::make_unique<delivery::Delivery>(directory, store, delivery_options);
    acceptance = std::make_unique<acceptance::Acceptance>(engine, directory, store, *delivery, queue, clock,
                                                          ids, acceptance_options);
  }

  void SetUp() override {
    domain("example.test");
    alice = account("alice@example.test", {}, true);
    bob = account("bob@example.test");
  }

  template <class T>
  T run(Task<T> task) {
    return executor.run(std::move(task));
  }

  void domain(const std::string& name, const std::string& catch_all = "") {
    directory::Domain domain{name, catch_all, {}};
    ASSERT_TRUE(run(directory.add_domain(domain)));
  }

  directory::AccountId account(const std::string& address, std::optional<uint64_t> quota = {},
                               bool admin = false) {
    directory::Account account;
    account.address = address;
    account.admin = admin;
    account.quota_bytes = quota;
    account.display_name = "";
    Result<directory::Account> added = run(directory.add_account(account, Secret("demo")));
    EXPECT_TRUE(added);
    if (!added) return 0;
    EXPECT_TRUE(run(store.create_account(added->id, "example.test")));
    return added->id;
  }

  void alias(const std::string& address, std::vector<std::string> targets) {
    directory::Alias alias{address, std::move(targets)};
    ASSERT_TRUE(run(directory.set_alias(alias)));
  }

  void disable(directory::AccountId id) {
    directory::Account account = *run(directory.account(id));
    account.enabled = false;
    ASSERT_TRUE(run(directory.update_account(account)));
  }

  // The bytes of all messages in a mailbox, oldest first.
  std::vector<std::string> mailbox(directory::AccountId account, const std::string& name = "INBOX") {
    std::vector<std::string> messages;
    Result<store::MailboxInfo> info = run(store.mailbox(account, name));
    EXPECT_TRUE(info);
    if (!info) return messages;
    Result<std::vector<store::Entry>> entries =
        run(store.entries(account, info->id, 1, UINT32_MAX, 1000, false));
    EXPECT_TRUE(entries);
    for (const auto& entry : *entries) {
      Result<std::string> bytes = run(store.read(account, entry, 0, entry.size));
      EXPECT_TRUE(bytes) << bytes.error().what;
      messages.push_back(bytes.value_or(""));
    }
    return messages;
  }

  std::vector<queue::Letter> queued() {
    queue::Filter all;
    Result<std::vector<queue::Letter>> letters = run(queue.list(all));
    EXPECT_TRUE(letters);
    return letters.value_or(std::vector<queue::Letter>{});
  }

  // The bytes that would go out.
  std::string bytes_of(const queue::Letter& letter) {
    Result<std::string> bytes = run(engine::fetch_blob(engine, letter.blob, letter.offset, letter.size));
    EXPECT_TRUE(bytes);
    return bytes.value_or("");
  }

  static message::Address address(const std::string& text) { return message::parse_mailbox(text).value(); }

  FakeClock clock;
  SeededRandom random;
  ManualExecutor executor;
  IdSource ids{clock, random};
  Pool pool{2, "test"};
  std::unique_ptr<engine::Engine> memory = engine::make_memory_engine();
  EngineWithFaults engine{*memory};
  directory::Directory directory{engine, clock, random, pool};
  store::MailStore store{engine, clock, random};
  queue::Queue queue{engine, clock};
  std::unique_ptr<delivery::Delivery> delivery;
  std::unique_ptr<acceptance::Acceptance> acceptance;
  directory::AccountId alice = 0, bob = 0;
};

}  // namespace posthouse::test
