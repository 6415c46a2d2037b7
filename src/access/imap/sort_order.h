// The order that SORT asks for (RFC 5256 section 3).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/found_messages.h"
#include "access/imap/known_order.h"
#include "access/imap/sort_key.h"
#include "base/task.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// Of each message one key is kept (access/imap/sort_key.h). Messages with the same key stay in the order of
// the mailbox.
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
  // The same of several; their MODSEQs are not known.
  bool add(const KnownOrder& part);
  Task<void> sort();
  // Becomes that of those `found`, all of which are known. The same holds for their MODSEQs.
  void take(std::shared_ptr<const KnownOrder> known, const store::UidList& found);

  const std::vector<wire::imap::SortCriterion>& criteria() const { return criteria_; }
  const std::vector<Item>& items() const { return items_; }
  std::string_view key(const Item& item) const {
    return std::string_view(known_ ? known_->keys : keys_).substr(item.at, item.size);
  }

 private:
  bool before(const Item& a, const Item& b) const;
  bool has_room() const;

  std::vector<wire::imap::SortCriterion> criteria_;
  bool needs_summary_ = false;
  bool needs_relevancy_;
  std::shared_ptr<const KnownOrder> known_;  // has the keys, if it is there
  std::string keys_;
  std::vector<Item> items_;
};

}  // namespace posthouse::access::imap
