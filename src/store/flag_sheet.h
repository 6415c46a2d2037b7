// The flags of all messages of a large mailbox in memory, so that who asks for those of many need not read a
// row of each.
//
// A sheet is true as of its MODSEQ; what happened since is in the log of changes. It never changes: one that
// is brought up to date shares its pages with the one before, but for those in which something differs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/types.h"

namespace posthouse::store {

class FlagSheet {
 public:
  // What names a message's last change in the log (store/change_log.h).
  enum class Logged : uint8_t { not_at_all, alone, shared };
  struct Mark {
    ModSeq modseq = 0;
    Uid uid = 0;
    uint16_t keywords = 0;  // number of the set
    uint8_t system = 0;
    Logged logged = Logged::not_at_all;
  };
  struct KeywordSet {
    std::vector<uint8_t> numbers;  // rising
    std::vector<std::string> names;
  };

  uint32_t uid_validity() const { return uid_validity_; }
  ModSeq modseq() const { return modseq_; }
  size_t size() const { return size_; }
  const KeywordSet& keywords(const Mark& mark) const { return (*sets_)[mark.keywords]; }

  // Messages with first <= uid <= last, rising, until `visit(mark)` says false.
  template <class Visit>
  void for_each(Uid first, Uid last, const Visit& visit) const {
    for (auto page = page_of(first); page != pages_.end(); ++page) {
      for (auto mark = place_in(**page, first); mark != (*page)->end(); ++mark) {
        if (mark->uid > last || !visit(*mark)) return;
      }
    }
  }

 private:
  friend class FlagSheetWriter;
  using Page = std::vector<Mark>;  // rising, not empty
  using Pages = std::vector<std::shared_ptr<const Page>>;
  using Sets = std::vector<KeywordSet>;
  Pages::const_iterator page_of(Uid uid) const;  // the first that ends at `uid` or behind
  static Page::const_iterator place_in(const Page& page, Uid uid);

  uint32_t uid_validity_ = 0;
  ModSeq modseq_ = 0;
  size_t size_ = 0;
  Pages pages_;
  std::shared_ptr<const Sets> sets_;
};

}  // namespace posthouse::store
