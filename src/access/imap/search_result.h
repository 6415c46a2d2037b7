// What a SEARCH with RETURN has found (RFC 4731, RFC 5182).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/imap/searcher.h"
#include "store/types.h"
#include "wire/imap/command.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

// Takes the messages in rising order and keeps them as runs.
class SearchResult : public SearchHits {
 public:
  // `wanted`: bits of wire::imap::Search::Return.
  SearchResult(uint16_t wanted, bool uid, wire::imap::PartialRange partial = {})
      : wanted_(wanted), uid_(uid), partial_(partial) {}

  void add(const SearchHit& hit) override;
  bool wants_relevancy() const override { return (wanted_ & wire::imap::Search::kRelevancy) != 0; }
  bool settled() const override;
  // "* ESEARCH ...", or nothing if only SAVE is wanted. `modseq`: RFC 7162 section 3.1.10. `correlators`:
  // what is told beside the tag, with a space before it.
  void append_response(std::string& out, std::string_view tag, bool modseq,
                       std::string_view correlators = {}) const;
  // What "$" stands for from now on (RFC 5182 section 2.4).
  store::UidList saved() const;
  const store::UidList& uids() const { return uids_; }

 private:
  bool tells_all() const;
  bool only_ends() const;
  store::ModSeq modseq() const;

  void append_relevancy(std::string& out) const;

  uint16_t wanted_;
  bool uid_;
  wire::imap::PartialRange partial_;
  std::vector<wire::imap::NumberRange> numbers_;  // as the client asked: UIDs or sequence numbers
  store::UidList uids_;
  std::vector<uint8_t> relevancy_;  // of each, where it is wanted
  uint32_t count_ = 0;
  store::ModSeq first_modseq_ = 0, last_modseq_ = 0, highest_modseq_ = 0;
};

}  // namespace posthouse::access::imap
