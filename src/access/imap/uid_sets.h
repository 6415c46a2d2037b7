// Sets of UIDs against each other, by runs.
#pragma once

#include <vector>

#include "store/types.h"

namespace posthouse::access::imap {

// Those of `a` that are not in `b`, in both, in either.
store::UidList difference(const store::UidList& a, const store::UidList& b);
store::UidList common(const store::UidList& a, const store::UidList& b);
store::UidList together(const store::UidList& a, const store::UidList& b);
bool same(const store::UidList& a, const store::UidList& b);
std::vector<store::Uid> all_of(const store::UidList& list);

}  // namespace posthouse::access::imap
