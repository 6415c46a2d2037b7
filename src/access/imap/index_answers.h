// What the search index says of the messages of a view.
#pragma once

#include <cstdint>
#include <vector>

#include "access/imap/known_truths.h"
#include "base/task.h"
#include "search/index.h"

namespace posthouse::access::imap {

using search::Truth;
struct Session;
struct View;

// By question and sequence number; unknown where neither the index nor a look at the message before tells.
class IndexAnswers {
 public:
  IndexAnswers() = default;
  IndexAnswers(const search::Answer& answer, const store::UidList& uids);
  // All unknown.
  IndexAnswers(size_t questions, const store::UidList& uids);
  // What is known from before.
  void add(const TruthNotes& notes, const store::UidList& uids);
  bool empty() const { return truths_.empty(); }
  // Nothing is known of these, as far as they are among `uids`.
  void forget(const store::UidList& uids, const std::vector<store::Uid>& some);
  Truth at(size_t question, uint32_t sequence) const {
    return static_cast<Truth>(truths_[question][sequence - 1] & kTruth);
  }
  // A yes that a look at the message has given.
  bool is_seen(size_t question, uint32_t sequence) const {
    return (truths_[question][sequence - 1] & kSeenYes) != 0;
  }
  // To a fuzzy question: how well a message fits for which it says yes.
  uint8_t score(size_t question, uint32_t sequence) const { return scores_[question][sequence - 1]; }

 private:
  static constexpr uint8_t kTruth = 3, kSeenYes = 4;
  std::vector<std::vector<uint8_t>> truths_;
  std::vector<std::vector<uint8_t>> scores_;  // empty but of fuzzy questions
};

// None where there is no index, or it can't be read, and nothing is known from before: then everything is
// looked at. `asks`: else the index is left alone.
Task<IndexAnswers> ask_index(Session& s, const View& view, std::vector<search::Question> questions, bool asks,
                             const TruthNotes& notes);

}  // namespace posthouse::access::imap
