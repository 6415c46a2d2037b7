#include "access/imap/search_result.h"

#include <algorithm>

namespace posthouse::access::imap {

using R = wire::imap::Search;

void SearchResult::add(store::Uid uid, uint32_t sequence, store::ModSeq modseq) {
  const uint32_t number = uid_ ? uid : sequence;
  if (!numbers_.empty() && numbers_.back().last + 1 == number) {
    numbers_.back().last = number;
  } else {
    numbers_.push_back({number, number});
  }
  uids_.append(uid);
  if (count_ == 0) first_modseq_ = modseq;
  last_modseq_ = modseq;
  highest_modseq_ = std::max(highest_modseq_, modseq);
  count_++;
}

bool SearchResult::settled() const {
  return count_ > 0 && (wanted_ & R::kEverything) == R::kMin;
}

// MIN, MAX or both, and nothing that tells of the other messages.
bool SearchResult::only_ends() const {
  return (wanted_ & (R::kMin | R::kMax)) != 0 && (wanted_ & (R::kAll | R::kCount)) == 0;
}

// RFC 4731 section 3.2: of the messages that are told.
store::ModSeq SearchResult::modseq() const {
  if (!only_ends()) return highest_modseq_;
  if ((wanted_ & R::kMax) == 0) return first_modseq_;
  if ((wanted_ & R::kMin) == 0) return last_modseq_;
  return std::max(first_modseq_, last_modseq_);
}

void SearchResult::append_response(std::string& out, std::string_view tag, bool with_modseq) const {
  if ((wanted_ & R::kEverything) == 0) return;
  // No character of a tag needs an escape in a quoted string.
  out += "* ESEARCH (TAG \"";
  out += tag;
  out += uid_ ? "\") UID" : "\")";
  if (count_ > 0 && (wanted_ & R::kMin) != 0) out += " MIN " + std::to_string(numbers_.front().first);
  if (count_ > 0 && (wanted_ & R::kMax) != 0) out += " MAX " + std::to_string(numbers_.back().last);
  if ((wanted_ & R::kCount) != 0) out += " COUNT " + std::to_string(count_);
  if (count_ > 0 && (wanted_ & R::kAll) != 0) {
    out += " ALL ";
    wire::imap::append_ranges(out, numbers_);
  }
  if (with_modseq && modseq() != 0) out += " MODSEQ " + std::to_string(modseq());
  out += "\r\n";
}

store::UidList SearchResult::saved() const {
  if (!only_ends() || count_ == 0) return uids_;
  store::UidList ends;
  if ((wanted_ & R::kMin) != 0) ends.append(uids_.at(1));
  if ((wanted_ & R::kMax) != 0 && (ends.empty() || count_ > 1)) ends.append(uids_.last());
  return ends;
}

}  // namespace posthouse::access::imap
