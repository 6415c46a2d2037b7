// Which account has which files, so that no two accounts get the same.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/turnstile.h"
#include "directory/directory.h"
#include "engine/engine.h"
#include "mirror/mirror.h"
#include "store/mail_store.h"

namespace posthouse::app {

// Reads where all accounts that are kept in files have them when it is first asked, and remembers it (some
// 200 bytes for each such account). What it remembers is looked up again before anybody is turned away, so
// accounts that go or move need not be told. Thread-safe; the parts outlive it.
class TakenPlaces {
 public:
  TakenPlaces(engine::Engine& engine, const mirror::Mirror& mirror, directory::Directory& directory,
              store::MailStore& store)
      : engine_(engine), mirror_(mirror), directory_(directory), store_(store) {}

  // A place while its account is being made or moved there; nobody else's meanwhile. Given back when it goes,
  // unless kept. Must not outlive what it came from.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();
    void keep(store::AccountId account);

   private:
    friend class TakenPlaces;
    TakenPlaces* from_ = nullptr;
    std::vector<std::string> paths_;
    std::shared_ptr<const std::string> mark_;
  };

  // `account`: whose it is to be, 0 for one that is still to be made, and its address. Fails with `exists`,
  // naming the other account, when another one of this store has the place, something in it, or what it
  // is in. Links in the folders above a place are followed.
  Task<Result<Hold>> take(store::FilePlace place, store::AccountId account, std::string address);

 private:
  struct User {
    store::AccountId account = 0;
    std::shared_ptr<const std::string> making;  // the address, of one that is held
  };
  using Users = std::multimap<std::string, User>;
  struct Clash {
    std::string path, of;
    User user;
  };

  Task<Result<void>> learn();
  Task<Result<void>> learn_some(std::vector<store::AccountId> some);
  std::optional<Clash> find_clash(const std::vector<std::string>& paths, store::AccountId account) const;
  Task<Result<bool>> still_has(store::AccountId account, std::string path);
  void forget(const Clash& clash);
  void settle(const Hold& hold, std::optional<store::AccountId> kept);

  engine::Engine& engine_;
  const mirror::Mirror& mirror_;
  directory::Directory& directory_;
  store::MailStore& store_;
  Turnstile turns_;
  bool learned_ = false;      // under a turn
  mutable std::mutex mutex_;  // users_
  Users users_;
};

}  // namespace posthouse::app
