#include "access/imap/search_result.h"

#include <algorithm>

namespace posthouse::access::imap {

using R = wire::imap::Search;

void SearchResult::add(const SearchHit& hit) {
  const uint32_t number = uid_ ? hit.uid : hit.sequence;
  if (!numbers_.empty() && numbers_.back().last + 1 == number) {
    numbers_.back().last = number;
  } else {
    numbers_.push_back({number, number});
  }
  uids_.append(hit.uid);
  if (wants_relevancy()) relevancy_.push_back(hit.relevancy);
  if (count_ == 0) first_modseq_ = hit.modseq;
  last_modseq_ = hit.modseq;
  highest_modseq_ = std::max(highest_modseq_, hit.modseq);
  count_++;
}

bool SearchResult::settled() const {
  const int others = wanted_ & ~(R::kMin | R::kPartial | R::kSave);
  if (count_ == 0 || others != 0 || (wanted_ & R::kEverything) == 0) return false;
  return (wanted_ & R::kPartial) == 0 ||
         (!partial_.from_end && count_ >= std::max(partial_.first, partial_.last));
}

// Something tells of each of the messages.
bool SearchResult::tells_all() const {
  return (wanted_ & (R::kAll | R::kCount)) != 0 || (wanted_ & (R::kMin | R::kMax | R::kPartial)) == 0;
}

// MIN, MAX or both, and nothing that tells of the other messages.
bool SearchResult::only_ends() const {
  return !tells_all() && (wanted_ & R::kPartial) == 0;
}

// RFC 4731 section 3.2: of the messages that are told.
store::ModSeq SearchResult::modseq() const {
  if (!only_ends()) return highest_modseq_;
  if ((wanted_ & R::kMax) == 0) return first_modseq_;
  if ((wanted_ & R::kMin) == 0) return last_modseq_;
  return std::max(first_modseq_, last_modseq_);
}

// RFC 6203 section 4: of each message in rising order; with PARTIAL of those that it tells.
void SearchResult::append_relevancy(std::string& out) const {
  std::optional<wire::imap::NumberRange> places = wire::imap::NumberRange{1, count_};
  if ((wanted_ & R::kPartial) != 0) places = partial_.of(count_);
  if (count_ == 0 || !places) return;
  out += " RELEVANCY (";
  for (uint32_t place = places->first; place <= places->last; place++) {
    if (place > places->first) out += ' ';
    out += std::to_string(relevancy_[place - 1]);
  }
  out += ')';
}

void SearchResult::append_response(std::string& out, std::string_view tag, bool with_modseq,
                                   std::string_view correlators) const {
  if ((wanted_ & R::kEverything) == 0) return;
  // No character of a tag needs an escape in a quoted string.
  out += "* ESEARCH (TAG \"";
  out += tag;
  out += '"';
  out += correlators;
  out += uid_ ? ") UID" : ")";
  if (count_ > 0 && (wanted_ & R::kMin) != 0) out += " MIN " + std::to_string(numbers_.front().first);
  if (count_ > 0 && (wanted_ & R::kMax) != 0) out += " MAX " + std::to_string(numbers_.back().last);
  if ((wanted_ & R::kCount) != 0) out += " COUNT " + std::to_string(count_);
  if (count_ > 0 && (wanted_ & R::kAll) != 0) {
    out += " ALL ";
    wire::imap::append_ranges(out, numbers_);
  }
  if ((wanted_ & R::kPartial) != 0) {
    out += " PARTIAL (";
    wire::imap::append_partial(out, partial_);
    out += ' ';
    if (const auto places = partial_.of(count_)) {
      wire::imap::append_ranges(out, slice(numbers_, *places));
    } else {
      out += "NIL";
    }
    out += ')';
  }
  if (wants_relevancy()) append_relevancy(out);
  if (with_modseq && modseq() != 0) out += " MODSEQ " + std::to_string(modseq());
  out += "\r\n";
}

// RFC 5182 section 2.4; PARTIAL: RFC 9394 section 3.2.
store::UidList SearchResult::saved() const {
  if (tells_all() || count_ == 0) return uids_;
  std::vector<uint32_t> places;
  if ((wanted_ & R::kMin) != 0) places.push_back(1);
  if (const auto part = partial_.of(count_); part && (wanted_ & R::kPartial) != 0) {
    for (uint32_t place = part->first; place <= part->last; place++) places.push_back(place);
  }
  if ((wanted_ & R::kMax) != 0) places.push_back(count_);
  store::UidList some;
  for (const uint32_t place : places) {
    const store::Uid uid = uids_.at(place);
    if (some.empty() || some.last() < uid) some.append(uid);
  }
  return some;
}

}  // namespace posthouse::access::imap
