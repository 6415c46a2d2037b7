// Letters that were in files, read from a backup: what the mirror is to an account in use.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/backup/letter_list.h"
#include "app/backup/repository.h"
#include "store/files.h"

namespace posthouse::app::backup {

class PoolFiles : public store::Files {
 public:
  // Reads all lists of the backup. `corrupt` when one is damaged.
  static Result<PoolFiles> of(const Repository& repository, const Catalog& catalog);

  // Whether the backup has letters of the account; one of before format 2 has none.
  bool has(store::AccountId account) const;
  // `not_found` for a letter that the backup does not have.
  Result<const ListedLetter*> find(store::AccountId account, store::MailboxId mailbox, store::Uid uid) const;
  // Whether its bytes are what was copied: `corrupt` otherwise.
  Result<void> check(const ListedLetter& letter) const;
  // All whose bytes were to be had.
  void for_each(const std::function<void(const ListedLetter&)>& visit) const;
  // The files of the pool that have them, each once.
  std::vector<std::string> names() const;
  // From now on the bytes are in this folder, under the same names.
  void move_to(const std::string& folder);

  bool keeps(store::AccountId account) const override { return has(account); }
  void adopt(store::AccountId) override {}
  Task<Result<void>> leave(store::AccountId account, std::function<Task<Result<void>>()> last) override;
  Task<Result<void>> carry_out(store::AccountId account) override;
  void carry_out_soon(store::AccountId) override {}
  Task<Result<void>> look(store::AccountId account) override;
  Task<Result<void>> look(store::AccountId account, store::MailboxId mailbox) override;
  Task<Result<std::string>> read(store::AccountId account, store::MailboxId mailbox, store::Uid uid,
                                 uint64_t offset, uint64_t length) override;

 private:
  std::function<std::string(const std::string& name)> path_of_;
  std::map<ListPlace, std::vector<ListedLetter>> lists_;
};

}  // namespace posthouse::app::backup
