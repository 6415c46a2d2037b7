// What is known of the messages of one mbox, so that not every operation reads the whole file.
//
// A message is named by the X-UID that its record claims together with the digest of its text. X-UID alone
// proves nothing: a sender may have written it, or a program that gave the file another UIDVALIDITY.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mbox/file.h"
#include "mirror/mbox_location.h"

namespace posthouse::mirror {

class MboxRecords {
 public:
  // Makes them those of the file as it is now. All calls: while it is locked.
  Result<void> refresh(mbox::Held& held);
  // The same where parts of the file can't be read. Only for finding the other messages to read them.
  Result<void> refresh_around(mbox::Held& held);
  bool is_of(const mbox::State& state) const { return known_ && known_->state == state; }
  // After `refresh` and appends of ours, as append() gave them: reads only the last one. No failure: else all
  // are read the next time.
  void follow_appends(mbox::Held& held, std::vector<mbox::Record> appended);
  // Changes messages, and the file's own data; all records may have new places then. `changes` are of ours.
  Result<void> rewrite(mbox::Held& held, std::span<const mbox::Change> changes,
                       const std::optional<mbox::Base>& base = std::nullopt);

  const std::vector<mbox::Record>& all() const { return all_; }  // but for c-client's own
  const std::optional<mbox::Base>& base() const { return known_->base; }
  const mbox::State& state() const { return known_->state; }

  // The record of that UID with that text.
  std::optional<size_t> exact(store::Uid uid, const mbox::Digest& digest) const;
  // Of each location the record, no record twice: the exact one, else one with the same text that bears no
  // believable UID (or any, when the location doesn't know its UID either), or one from `next` on: that is
  // none of ours, but what another program named it anew.
  std::vector<std::optional<size_t>> assign(std::span<const std::optional<MboxLocation>> locations,
                                            store::Uid next = 0) const;
  // One with that text which bears no believable UID, or one above `uid`. But for those `taken`.
  std::optional<size_t> named_anew(store::Uid uid, const mbox::Digest& digest,
                                   const std::unordered_set<size_t>& taken) const;

 private:
  struct DigestHash {
    size_t operator()(const mbox::Digest& digest) const { return digest[0]; }
  };

  Result<void> read(mbox::Held& held, bool only_new);
  void clear();
  void add(mbox::Record record);
  std::optional<size_t> similar(const MboxLocation& location, const std::unordered_set<size_t>& taken,
                                store::Uid next) const;

  std::optional<mbox::Known> known_;  // none: everything has to be read
  std::vector<mbox::Record> all_;
  std::unordered_multimap<store::Uid, size_t> by_uid_;
  std::unordered_multimap<mbox::Digest, size_t, DigestHash> by_digest_;
  int grown_ = 0;
};

}  // namespace posthouse::mirror
