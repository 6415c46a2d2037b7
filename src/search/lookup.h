// Asks one segment which of its letters have a key.
#pragma once

#include <string_view>
#include <vector>

#include "search/postings.h"
#include "search/rows.h"
#include "search/terms.h"

namespace posthouse::search {

// Works on one view of the index. Faults: corrupt, and those of the engine.
class SegmentLookup {
 public:
  SegmentLookup(const engine::Reader& reader, AccountId account, MailboxId mailbox, const Segment& segment)
      : reader_(reader), account_(account), mailbox_(mailbox), segment_(segment) {}

  // Adds to `yes` who has the key in a text of the field for certain, and to `maybe` who has all that the
  // terms tell of it. All others do not have it, but for opaque letters.
  Result<void> ask(Field field, const Needle& needle, LetterSet& yes, LetterSet& maybe) const;

 private:
  // Of the terms that it is found in, where they are: `begins` and `ends` at its ends only.
  Result<void> containing(Dict dict, std::string_view text, bool begins, bool ends, LetterSet& out) const;
  Result<void> whole(Dict dict, std::string_view term, LetterSet& out) const {
    return containing(dict, term, true, true, out);
  }
  // Letters with all of them.
  Result<void> with_all(Dict dict, const std::vector<std::string>& terms, LetterSet& out) const;
  Result<void> ask_run(Field field, const NeedleRun& run, LetterSet& yes, LetterSet& maybe) const;

  struct Hits {
    std::string key;  // of the row, behind its kind and dictionary
    std::vector<uint32_t> terms;
  };
  Result<void> add_hits(Dict dict, const std::vector<Hits>& rows, LetterSet& out) const;
  // Where to begin for a term: its key behind the dictionary's.
  Result<std::string> row_of(Dict dict, std::string_view term) const;

  const engine::Reader& reader_;
  AccountId account_;
  MailboxId mailbox_;
  Segment segment_;
};

}  // namespace posthouse::search
