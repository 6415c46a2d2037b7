// What SORT compares of a message (RFC 5256 section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "message/record_view.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

struct SortFacts {
  SystemTime internal_date{};
  uint64_t size = 0;
  std::string_view summary;  // as it is stored; empty where that can't be read: then there are no fields
  uint8_t relevancy = 0;
};

// Appends a key, made so that comparing two octet by octet gives the order of their messages. Thread-safe.
void append_sort_key(std::string& out, const std::vector<wire::imap::SortCriterion>& criteria,
                     const SortFacts& facts);

// Names the criteria, each list of them otherwise.
std::string name_of(const std::vector<wire::imap::SortCriterion>& criteria);

// The date that SORT and THREAD go by, in seconds since 1970 (RFC 5256 section 2.2).
int64_t sent_date(SystemTime internal_date, const message::RecordView& record);

}  // namespace posthouse::access::imap
