// The searched texts of a letter, read piece by piece from the store, go into a segment.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/pool.h"
#include "base/task.h"
#include "message/summary.h"
#include "search/builder.h"
#include "store/mail_store.h"

namespace posthouse::search {

// What of a letter is searched, as SEARCH does it without an index (access/imap/searcher.h): the two must
// agree. `whole`: the letter's octets. On the pool.
void add_letter(SegmentBuilder& builder, const message::Summary& summary, std::string_view whole);

// The same of a letter that is too long to be held. Becomes opaque where it can't be read, or has more terms
// than a segment takes, or once `stopping`. Gives the octets read.
Task<uint64_t> add_long_letter(store::MailStore& store, Pool& pool, SegmentBuilder& builder,
                               AccountId account, const store::Entry& entry, const message::Summary& summary,
                               const std::function<bool()>& stopping);

}  // namespace posthouse::search
