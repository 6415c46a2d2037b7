#include "access/imap/index_answers.h"

#include "access/imap/state.h"
#include "base/log.h"

namespace posthouse::access::imap {

namespace {

// What is told of UIDs, at the places of their sequence numbers. Both rise.
template <class T>
void spread(const std::vector<store::Uid>& told_of, const std::vector<T>& told, const store::UidList& uids,
            std::vector<T>& out) {
  size_t at = 0;
  for (const store::UidList::Run& run : uids.runs()) {
    while (at < told_of.size() && told_of[at] < run.first) at++;
    while (at < told_of.size() && told_of[at] - run.first < run.count) {
      out[run.before + (told_of[at] - run.first)] = told[at];
      at++;
    }
  }
}

}  // namespace

IndexAnswers::IndexAnswers(const search::Answer& answer, const store::UidList& uids) {
  for (size_t q = 0; q < answer.truths.size(); q++) {
    spread(answer.uids, answer.truths[q], uids, truths_.emplace_back(uids.size(), Truth::unknown));
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
    for (std::vector<Truth>& truths : truths_) truths[sequence - 1] = Truth::unknown;
  }
}

// The index still knows messages that are gone, and so does the view.
Task<IndexAnswers> ask_index(Session& s, const View& view, std::vector<search::Question> questions) {
  if (s.services.index == nullptr) co_return IndexAnswers();
  const auto answer =
      co_await s.services.index->ask(view.account, view.mailbox, view.uid_validity, std::move(questions));
  if (!answer) log::warn("imap.index_not_used", {{"session", s.id}, {"reason", answer.error().what}});
  if (!answer || !*answer) co_return IndexAnswers();
  const auto changes = co_await s.store().changes(view.account, view.mailbox, view.known);
  if (!changes || changes->forgetful || changes->mailbox_gone) co_return IndexAnswers();
  IndexAnswers answers(**answer, view.uids);
  answers.forget(view.uids, view.gone);
  answers.forget(view.uids, changes->vanished);
  co_return answers;
}

}  // namespace posthouse::access::imap
