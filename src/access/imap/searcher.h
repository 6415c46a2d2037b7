// Finds the messages that SEARCH, SORT and THREAD ask for (RFC 3501 section 6.4.4).
#pragma once

#include <optional>

#include "access/imap/progress.h"
#include "access/imap/search_program.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

struct SearchHit {
  store::Uid uid = 0;
  uint32_t sequence = 0;
  store::ModSeq modseq = 0;  // 0 where the search needed no look at the message
  uint8_t relevancy = 0;     // 1 to 100, where it is wanted
};

// Takes what is found, in rising order.
class SearchHits {
 public:
  virtual ~SearchHits() = default;
  virtual void add(const SearchHit& hit) = 0;
  virtual bool wants_relevancy() const { return false; }
  // Further messages don't matter.
  virtual bool settled() const { return false; }
};

// Why the command's charset can't be used (RFC 3501 section 6.4.4).
std::optional<Reply> refuse_charset(const wire::imap::Search& c);

// RFC 7162 section 3.1.5: the answer has a MODSEQ.
bool asks_for_modseq(const wire::imap::SearchKey& key);

// RELEVANCY without a FUZZY key (RFC 6203 sections 4 and 6).
Reply no_relevancy();
// Some key is to be matched fuzzily (RFC 6203 section 3).
bool asks_fuzzily(const wire::imap::SearchKey& key);

// How many messages a search may look at (RFC 9738).
struct SearchBound {
  uint32_t most = 0;       // 0: any number
  bool refuses = false;    // of more nothing is looked at; else the last ones are
  uint64_t looked_at = 0;  // filled: so many could match
  store::Uid lowest = 0;   // filled: there were more, and this was the lowest of those looked at
};

// Reads what is needed of the messages, and tells how far it has come: s.out must not be within a line. The
// view must not change meanwhile. The command's keys are in UTF-8 afterwards. Of the selected mailbox:
Task<Result<void>> search(Session& s, wire::imap::Search& c, SearchHits& hits, SearchBound& bound);
// Of any mailbox, as a part of a command whose progress is told.
Task<Result<void>> search(Session& s, const View& view, wire::imap::Search& c, SearchHits& hits,
                          SearchBound& bound, Progress& progress);

}  // namespace posthouse::access::imap
