#include "access/imap/index_answers.h"

#include "access/imap/state.h"
#include "base/log.h"

namespace posthouse::access::imap {

namespace {

// What is told of UIDs, at the places of their sequence numbers. Both rise.
template <class T>
void spread(const std::vector<store::Uid>& told_of, const std::vector<T>& told, const store::UidList& uids,
            std::vector<uint8_t>& out) {
  size_t at = 0;
  for (const store::UidList::Run& run : uids.runs()) {
    while (at < told_of.size() && told_of[at] < run.first) at++;
    while (at < told_of.size() && told_of[at] - run.first < run.count) {
      out[run.before + (told_of[at] - run.first)] = static_cast<uint8_t>(told[at]);
      at++;
    }
  }
}

constexpr auto kUnknown = static_cast<uint8_t>(Truth::unknown);

}  // namespace

IndexAnswers::IndexAnswers(size_t questions, const store::UidList& uids)
    : truths_(questions, std::vector<uint8_t>(uids.size(), kUnknown)), scores_(questions) {}

void IndexAnswers::add(const TruthNotes& notes, const store::UidList& uids) {
  for (size_t q = 0; q < notes.size() && q < truths_.size(); q++) {
    const KnownTruths* known = notes.known(q);
    if (known == nullptr) continue;
    std::vector<uint8_t>& truths = truths_[q];
    for (const store::UidList::Run& run : uids.runs()) {
      for (uint32_t i = 0; i < run.count; i++) {
        const Truth truth = known->at(run.first + i);
        if (truth == Truth::no) truths[run.before + i] = static_cast<uint8_t>(truth);
        if (truth == Truth::yes) truths[run.before + i] = static_cast<uint8_t>(truth) | kSeenYes;
      }
    }
  }
}

IndexAnswers::IndexAnswers(const search::Answer& answer, const store::UidList& uids) {
  for (size_t q = 0; q < answer.truths.size(); q++) {
    spread(answer.uids, answer.truths[q], uids, truths_.emplace_back(uids.size(), kUnknown));
    std::vector<uint8_t>& scores = scores_.emplace_back();
    if (answer.scores[q].empty()) continue;
    scores.resize(uids.size());
    spread(answer.uids, answer.scores[q], uids, scores);
  }
}

void IndexAnswers::forget(const store::UidList& uids, const std::vector<store::Uid>& some) {
  for (const store::Uid uid : some) {
    const uint32_t sequence = uids.sequence(uid);
    if (sequence == 0) continue;
    for (std::vector<uint8_t>& truths : truths_) truths[sequence - 1] = kUnknown;
  }
}

// The index still knows messages that are gone, and so does the view.
Task<IndexAnswers> ask_index(Session& s, const View& view, std::vector<search::Question> questions, bool asks,
                             const TruthNotes& notes) {
  IndexAnswers answers;
  const size_t count = questions.size();
  if (asks && s.services.index != nullptr) {
    const auto answer =
        co_await s.services.index->ask(view.account, view.mailbox, view.uid_validity, std::move(questions));
    if (!answer) log::warn("imap.index_not_used", {{"session", s.id}, {"reason", answer.error().what}});
    if (answer && *answer) answers = IndexAnswers(**answer, view.uids);
  }
  if (answers.empty() && !notes.any()) co_return answers;
  if (answers.empty()) answers = IndexAnswers(count, view.uids);
  answers.add(notes, view.uids);
  const auto changes = co_await s.store().changes(view.account, view.mailbox, view.known);
  if (!changes || changes->forgetful || changes->mailbox_gone) co_return IndexAnswers();
  answers.forget(view.uids, view.gone);
  answers.forget(view.uids, changes->vanished);
  co_return answers;
}

}  // namespace posthouse::access::imap
