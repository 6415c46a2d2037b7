// The maildrop as one session sees it: the letters that were in INBOX when it logged in, numbered once and
// for all, and which of them are to go.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "access/pop3/limits.h"
#include "store/mail_store.h"

namespace posthouse::access::pop3 {

// Letters that come meanwhile are not in it; one that another session takes away keeps its number, and is as
// good as deleted. Memory: runs of UIDs, and a bit a letter once one is deleted.
class Maildrop {
 public:
  Task<Result<void>> open(store::MailStore& store, store::AccountId account);

  uint32_t size() const { return uids_.size(); }
  // Neither deleted nor known to be gone.
  bool has(uint32_t number) const;
  // How many such there are. `octets`: of them together; wrong while stale().
  uint32_t count() const { return size() - absent_; }
  uint64_t octets() const { return octets_; }
  bool stale() const { return stale_; }
  Task<Result<void>> recount();

  // The letter of a number that has() says is there; not_found when it is gone meanwhile. Read from the store
  // with as many of those behind it.
  Task<Result<store::Entry>> find(uint32_t number, uint32_t together = kEntriesNear);
  // The same, from the store and not from what was read before.
  Task<Result<store::Entry>> find_again(uint32_t number);
  // The letters from a UID on that were read together with the last one, as far as they are not more than so
  // many octets.
  std::vector<store::Entry> near(store::Uid from, uint64_t octets) const;
  // The letters from `number` on, as far as they are there, at most kEntriesListed; `number` moves behind
  // them.
  Task<Result<std::vector<store::Entry>>> next(uint32_t& number);
  uint32_t number_of(const store::Entry& entry) const { return uids_.sequence(entry.uid); }
  // RFC 1939 section 7: names the letter for ever (docs/adr/0013).
  std::string unique_id(uint32_t number) const;

  void mark(uint32_t number, uint64_t octets);
  void unmark_all();
  // Removes what is marked, all of it or nothing; how many letters went. Others may have taken some before.
  Task<Result<size_t>> remove_marked();

 private:
  void note_gone(uint32_t number);
  Task<Result<std::vector<store::Entry>>> read(uint32_t first, uint32_t last);

  store::MailStore* store_ = nullptr;
  store::AccountId account_ = 0;
  store::MailboxId mailbox_ = 0;
  uint32_t validity_ = 0;
  store::UidList uids_;
  std::vector<bool> marked_, gone_;  // by number - 1; empty while there are none
  uint32_t marked_count_ = 0, absent_ = 0;
  uint64_t octets_ = 0, marked_octets_ = 0;
  bool stale_ = false;
  std::vector<store::Entry> near_;  // read together with the last one asked for
};

}  // namespace posthouse::access::pop3
