// The inside of the mbox driver. Not for others.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <set>

#include "mbox/file.h"
#include "mbox/tree.h"
#include "mirror/driver.h"
#include "mirror/mbox_location.h"
#include "mirror/mbox_records.h"
#include "store/files.h"

namespace posthouse::mirror {

class MboxDriver final : public Driver {
 public:
  MboxDriver(const store::FilePlace& place, const Clock& clock, mbox::Waiters* waiters);
  ~MboxDriver() override;

  // ---- mbox_driver.cpp: mailboxes, reading
  void be_patient(bool patient) override { patient_ = patient; }
  Result<void> make(const std::string& mailbox) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> erase(const std::string& mailbox) override;
  Result<void> subscribe(const std::string& mailbox, bool subscribed) override;
  Result<std::vector<Level>> mailboxes() override;
  Result<std::vector<std::string>> subscriptions() override;
  Result<Bytes> open(const std::string& mailbox, const std::string& location) override;
  std::vector<Result<std::string>> read_all(const std::string& mailbox,
                                            const std::vector<Wanted>& wanted) override;
  Result<std::vector<std::string>> read_beginnings(const std::string& mailbox,
                                                   const std::vector<std::string>& locations,
                                                   uint64_t most) override;
  std::string named(const std::string& location, store::Uid uid) const override;
  std::string name_in(const std::string& location) override;
  std::vector<std::string> watched(const std::string& mailbox) override;

  // ---- mbox_change.cpp: what we change
  void put(const std::string& mailbox, std::vector<Put>& messages) override;
  void put_unflushed(const std::string& mailbox, std::vector<Put>& messages) override;
  bool is_unflushed() override;
  std::map<std::string, Fault> flush() override;
  Result<bool> would_be_exact(const Put& message) override;
  void change(const std::string& mailbox, std::vector<Change>& messages) override;
  Result<std::string> place_to_be(const Put& message) override;
  Result<void> remove(const std::string& mailbox, const std::vector<std::string>& locations, store::Uid next,
                      const std::vector<std::string>& spared) override;
  Result<void> note_uids(const std::string& mailbox, const Uids& uids) override;

  // ---- mbox_look.cpp: what others changed
  Result<bool> is_same(const std::string& mailbox, const std::string& state) override;
  Result<std::string> lasting(const std::string& mailbox, const std::string& state) override;
  Result<Look> look(const std::string& mailbox, const std::vector<Known>& known) override;

 private:
  struct Cached {
    std::string mailbox;
    MboxRecords records;
    MboxRecords around;  // where parts of the file can't be read
    std::string told;    // the state that the last look told
    std::string still;   // and the one that only our own changes made of it
  };
  // While we change a file: what we do ourselves is no reason to look again.
  class OwnChange;

  bool has_folders() const;
  void make_holders_above(const std::string& mailbox);
  Result<mbox::File> file(const std::string& mailbox, mbox::Access access = mbox::Access::read) const;
  // Flushes first what was put there.
  Result<mbox::Held> hold(const std::string& mailbox, mbox::Access access);
  // How long one waits for the lock of others: who is impatient, and knows that it is locked, not at all.
  milliseconds patience_for(const std::string& mailbox, mbox::Access access) const;
  void note_lock(const std::string& mailbox, mbox::Access access, bool locked) const;
  // Also where others removed the directory above.
  Result<mbox::Held> hold_or_make(const std::string& mailbox);
  Cached& cached(const std::string& mailbox);
  // How the file looks, so that it can be told after a restart whether it is the same; empty: it is not
  // there, or too young. `state`: the same for as long as we run.
  Result<std::string> lasting_state(const std::string& mailbox, std::string& state) const;
  // The file's records as they are now. Under mutex_.
  Result<MboxRecords*> records(const std::string& mailbox, mbox::Held& held);
  // The same, of a file that has our UIDVALIDITY and has given all UIDs before `next`, if it has messages.
  // `only_ours`: it got both just now, so nobody else gave any of them.
  Result<MboxRecords*> our_records(const std::string& mailbox, mbox::Held& held, uint32_t uid_validity,
                                   store::Uid next, bool* only_ours = nullptr);
  // The records of messages that are likely to be at the end of a file of which nothing is known; none if one
  // of them is not there. `octets`: that they have.
  std::optional<std::vector<mbox::Record>> find_at_end(
      const std::string& mailbox, const mbox::Held& held,
      const std::vector<std::optional<MboxLocation>>& locations, uint64_t octets);
  // The record of a message that is to be read.
  Result<mbox::Record> find(const std::string& mailbox, mbox::Held& held, const MboxLocation& location);
  // mutex_, where somebody else may be waiting for the file's lock.
  Result<std::unique_lock<std::timed_mutex>> lock_to_read(const std::string& mailbox);
  Result<std::string> read_block(const std::string& mailbox, const MboxLocation& location, uint64_t offset);
  Result<void> put_all(const std::string& mailbox, mbox::Held& held, std::vector<Put>& messages);
  // What was put into the mailbox, or into any.
  void flush(const std::string& mailbox);
  void flush_all();
  Result<void> change_all(const std::string& mailbox, std::vector<Change>& messages);

  store::FilePlace place_;
  mbox::Tree tree_;
  mbox::FileOptions options_;
  std::shared_ptr<mbox::SpareLock> inbox_lock_ = std::make_shared<mbox::SpareLock>();
  std::atomic<bool> patient_ = true;
  mutable std::mutex locked_mutex_;
  mutable std::set<std::pair<std::string, mbox::Access>> locked_;  // by others, when we last came
  std::mutex unflushed_mutex_;                   // held while it is flushed; may be taken under mutex_
  std::map<std::string, mbox::Held> unflushed_;  // mailboxes, locked, as put_unflushed() left them
  std::map<std::string, Fault> not_flushed_;     // to be told by flush()
  std::timed_mutex mutex_;                       // open() may run beside all else
  std::list<Cached> records_;                    // the latest first
};

std::string to_text(const mbox::State& state);

class MboxDriver::OwnChange {
 public:
  OwnChange(MboxDriver& driver, const std::string& mailbox, mbox::Held& held)
      : cached_(driver.cached(mailbox)), held_(held) {
    const Result<mbox::State> now = held.state();
    ours_ = now && to_text(*now) == cached_.still;
  }
  ~OwnChange() {
    const Result<mbox::State> now = held_.state();
    if (ours_ && now) cached_.still = to_text(*now);
  }
  OwnChange(const OwnChange&) = delete;
  OwnChange& operator=(const OwnChange&) = delete;

 private:
  Cached& cached_;
  mbox::Held& held_;
  bool ours_ = false;
};

}  // namespace posthouse::mirror
