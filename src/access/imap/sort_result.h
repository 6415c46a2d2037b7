// What a SORT with RETURN has found (RFC 5267 section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/imap/sort_order.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

// The numbers of sorted messages as the client asked for them.
class SortedNumbers {
 public:
  SortedNumbers(const SortOrder& order, const View& view, bool uid) : order_(order), view_(view), uid_(uid) {}
  size_t size() const { return order_.items().size(); }
  uint32_t at(size_t i) const;

 private:
  const SortOrder& order_;
  const View& view_;
  bool uid_;
};

// "* SORT ...", written as it grows; `modseq`: RFC 7162 section 3.1.9.
Task<void> tell_sorted(Session& s, const SortOrder& order, bool uid, bool modseq);
// "* ESEARCH ..." for the search's RETURN; `modseq`: RFC 7162 section 3.1.10.
Task<void> tell_sorted_extended(Session& s, const SortOrder& order, const wire::imap::Search& c, bool modseq);
// What "$" stands for from now on (RFC 5182 section 2.4, RFC 9394 section 3.2).
store::UidList saved_of(const SortOrder& order, const wire::imap::Search& c);

}  // namespace posthouse::access::imap
