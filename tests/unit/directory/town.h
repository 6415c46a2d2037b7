// A directory with nothing in it but what a test adds.
#pragma once

#include "base/pool.h"
#include "directory/directory.h"
#include "directory/records.h"
#include "engine/memory_engine.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/seeded_random.h"

namespace posthouse::directory {

class Town : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return executor.run(std::move(task));
  }

  void domain(const std::string& name, const std::string& catch_all = "") {
    Domain domain{name, catch_all, {}};
    ASSERT_TRUE(run(directory.add_domain(domain)));
  }

  // Of older times too.
  void unchecked_domain(const std::string& name, const std::string& catch_all) {
    std::string record = encode(Domain{name, catch_all});
    auto put = [&](engine::Transaction& rows) -> Result<void> {
      rows.put(domain_row(name), record);
      return {};
    };
    std::vector<engine::Step> steps{{kPartition, put}};
    ASSERT_TRUE(run(engine->transact(std::move(steps))));
  }

  AccountId account(const std::string& address, const std::string& password = "demo", bool admin = false) {
    Account account;
    account.address = address;
    account.admin = admin;
    Result<Account> added = run(directory.add_account(account, Secret(password)));
    EXPECT_TRUE(added) << (added ? "" : added.error().what);
    return added ? added->id : 0;
  }

  void alias(const std::string& address, std::vector<std::string> targets) {
    Alias alias{address, std::move(targets)};
    Result<void> set = run(directory.set_alias(alias));
    ASSERT_TRUE(set) << set.error().what;
  }

  // As a store of older times may have it: nobody looked where it leads.
  void unchecked_alias(const std::string& address, std::vector<std::string> targets) {
    std::string record = encode(NameRecord{0, std::move(targets)});
    auto put = [&](engine::Transaction& rows) -> Result<void> {
      rows.put(name_row(address), record);
      return {};
    };
    std::vector<engine::Step> steps{{kPartition, put}};
    ASSERT_TRUE(run(engine->transact(std::move(steps))));
  }

  Resolution resolve(const std::string& address) {
    Result<Resolution> found = run(directory.resolve(address));
    EXPECT_TRUE(found) << (found ? "" : found.error().what);
    return found.value_or(Resolution{});
  }

  std::vector<AccountId> accounts_of(const std::string& address) {
    std::vector<AccountId> ids;
    for (const auto& target : resolve(address).local) ids.push_back(target.account);
    return ids;
  }

  Result<Authenticated> login(const std::string& name, const std::string& password,
                              const std::string& peer = "192.0.2.1") {
    Login login{name, Secret(password), *IpAddress::parse(peer), "test"};
    return run(directory.authenticate(login));
  }

  test::FakeClock clock;
  test::SeededRandom random;
  test::ManualExecutor executor;
  Pool pool{2, "test"};
  std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  Directory directory{*engine, clock, random, pool};
};

}  // namespace posthouse::directory
