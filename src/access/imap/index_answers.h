// What the search index says of the messages of a view.
#pragma once

#include <cstdint>
#include <vector>

#include "base/task.h"
#include "search/index.h"

namespace posthouse::access::imap {

using search::Truth;
struct Session;
struct View;

// By question and sequence number; unknown where the index does not tell.
class IndexAnswers {
 public:
  IndexAnswers() = default;
  IndexAnswers(const search::Answer& answer, const store::UidList& uids);
  bool empty() const { return truths_.empty(); }
  // Nothing is known of these, as far as they are among `uids`.
  void forget(const store::UidList& uids, const std::vector<store::Uid>& some);
  Truth at(size_t question, uint32_t sequence) const { return truths_[question][sequence - 1]; }
  // To a fuzzy question: how well a message fits for which it says yes.
  uint8_t score(size_t question, uint32_t sequence) const { return scores_[question][sequence - 1]; }

 private:
  std::vector<std::vector<Truth>> truths_;
  std::vector<std::vector<uint8_t>> scores_;  // empty but of fuzzy questions
};

// None where there is no index, or it can't be read: then everything is looked at.
Task<IndexAnswers> ask_index(Session& s, const View& view, std::vector<search::Question> questions);

}  // namespace posthouse::access::imap
