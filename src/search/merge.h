// Several neighbouring segments become one, without the letters that are gone. A few rows at a time: memory
// does not grow with the segments, but for the numbers of their letters.
#pragma once

#include <vector>

#include "search/rows.h"

namespace posthouse::search {

class SegmentMerge {
 public:
  // `from`: neighbours, in their order; they are not changed meanwhile. `present`: the mailbox's letters.
  SegmentMerge(AccountId account, MailboxId mailbox, std::vector<Segment> from, SegmentId to,
               store::UidList present);

  // Some rows of the new segment, at least one while there are any; none: it is done. Call with a view of the
  // index, each time perhaps another one.
  Result<std::vector<Row>> next(const engine::Reader& reader);
  // When it is done. Its letters may be none: then it has no rows, and is none.
  Segment result() const { return result_; }

 private:
  struct Source {
    Segment segment;
    std::vector<uint32_t> numbers;  // that its letters get; kGone
    std::string key;                // of the "T" row that is under way, behind kind
    std::string terms_row, postings_row;
    std::vector<std::string_view> terms, postings;
    size_t at = 0;
    bool done = false;
    char dict() const { return key.front(); }
  };
  Result<void> begin(const engine::Reader& reader);
  Result<void> number_letters(const engine::Reader& reader, Source& source);
  Result<void> load(const engine::Reader& reader, Source& source);
  Result<void> merge_term(const engine::Reader& reader);

  AccountId account_;
  MailboxId mailbox_;
  std::vector<Source> sources_;
  store::UidList present_;
  ChunkWriter writer_;
  SegmentLetters letters_;
  Segment result_;
  bool begun_ = false, ended_ = false;
  std::vector<uint32_t> found_;  // of the term under way
};

}  // namespace posthouse::search
