// The order that SORT asks for (RFC 5256 section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/imap/found_messages.h"
#include "base/task.h"
#include "message/summary.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// Of each message one key is kept, made so that comparing two octet by octet gives their order. Messages with
// the same key stay in the order of the mailbox.
class SortOrder : public FoundMessages {
 public:
  struct Item {
    uint64_t at = 0;  // of its key
    uint32_t size = 0;
    store::Uid uid = 0;
    store::ModSeq modseq = 0;
    uint8_t relevancy = 0;
  };

  // `tells_relevancy`: it is wanted of the items also where they are not sorted by it.
  explicit SortOrder(std::vector<wire::imap::SortCriterion> criteria, bool tells_relevancy = false);

  bool needs_summary() const override { return needs_summary_; }
  bool needs_relevancy() const override { return needs_relevancy_; }
  bool add(const store::Entry& entry, uint8_t relevancy) override;
  Task<void> sort();

  const std::vector<Item>& items() const { return items_; }
  std::string_view key(const Item& item) const { return std::string_view(keys_).substr(item.at, item.size); }

 private:
  bool before(const Item& a, const Item& b) const;

  std::vector<wire::imap::SortCriterion> criteria_;
  bool needs_summary_ = false;
  bool needs_relevancy_;
  std::string keys_;
  std::vector<Item> items_;
};

// The date that SORT and THREAD go by, in seconds since 1970 (RFC 5256 section 2.2).
int64_t sent_date(const store::Entry& entry, const message::Summary& summary);

}  // namespace posthouse::access::imap
