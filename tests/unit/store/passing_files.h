// A mirror that a test stands in front of: all is passed on, but for what the test overrides.
#pragma once

#include <gtest/gtest.h>

#include "store_bed.h"

namespace posthouse::store {

class PassingFiles : public Files {
 public:
  explicit PassingFiles(mirror::Mirror& to) : to_(to) {}

  bool keeps(AccountId account) const override { return to_.keeps(account); }
  Result<void> check_name(Format format, const std::string& mailbox) const override {
    return to_.check_name(format, mailbox);
  }
  void adopt(AccountId account) override { to_.adopt(account); }
  Task<Result<void>> leave(AccountId account, std::function<Task<Result<void>>()> last) override {
    return to_.leave(account, std::move(last));
  }
  Task<Result<void>> carry_out(AccountId account) override { return to_.carry_out(account); }
  void carry_out_soon(AccountId account) override { to_.carry_out_soon(account); }
  Task<Result<PlacesToBe>> places_to_be(AccountId account, MailboxId mailbox,
                                        std::vector<Uid> uids) override {
    return to_.places_to_be(account, mailbox, std::move(uids));
  }
  Task<Result<void>> look(AccountId account) override { return to_.look(account); }
  Task<Result<void>> look(AccountId account, MailboxId mailbox) override {
    return to_.look(account, mailbox);
  }
  Task<Result<std::string>> read(AccountId account, MailboxId mailbox, Uid uid, uint64_t offset,
                                 uint64_t length) override {
    return to_.read(account, mailbox, uid, offset, length);
  }

 private:
  mirror::Mirror& to_;
};

// A store with one account, kept in files of the format that is the test's parameter, behind `F`.
template <class F>
class WithFiles : public testing::TestWithParam<Format> {
 protected:
  static constexpr AccountId kAlice = 1;

  WithFiles() {
    if (!bed_.mirror) bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    files_.emplace(*bed_.mirror);
    bed_.store.use_files(&*files_);
    FilePlace place;
    place.format = GetParam();
    place.inbox = bed_.dir.path() + "/alice/inbox";
    place.folders = bed_.dir.path() + "/alice/folders";
    bed_.must(bed_.store.create_account(kAlice, "", place));
  }

  StoreBed bed_{"memory", kKeptExpunges, true};
  std::optional<F> files_;
};

}  // namespace posthouse::store
