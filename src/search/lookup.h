// Asks one segment which of its letters have a key.
#pragma once

#include <string_view>
#include <vector>

#include "search/fuzzy.h"
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

  // How like the words of a key the terms of letters are.
  struct Likeness {
    Likeness(const FuzzyKey& key, uint32_t letters)
        : marks(size_t{letters} * key.words().size()), open(letters) {}
    std::vector<uint8_t> marks;  // of each letter, those of each word: FuzzyKey::score()
    LetterSet open;              // those whose pieces of words may say more: somebody has to look
  };
  // Adds what the terms of a field tell. `several`: it is one of several fields.
  Result<void> compare(Field field, const FuzzyKey& key, bool several, Likeness& out) const;

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
  struct Like {
    uint32_t term;
    uint8_t word, mark;
  };
  struct LikeTerms {
    std::string key;  // as in Hits
    std::vector<Like> terms;
  };
  Result<void> add_likeness(Dict dict, const std::vector<LikeTerms>& rows, size_t words, Likeness& out) const;
  Result<void> compare_pieces(Field field, const FuzzyKey& key, bool several, Likeness& out) const;
  Result<void> add_hits(Dict dict, const std::vector<Hits>& rows, LetterSet& out) const;
  // Where to begin for a term: its key behind the dictionary's.
  Result<std::string> row_of(Dict dict, std::string_view term) const;

  const engine::Reader& reader_;
  AccountId account_;
  MailboxId mailbox_;
  Segment segment_;
};

}  // namespace posthouse::search
