#include "access/imap/index_answers.h"

#include "access/imap/state.h"
#include "base/log.h"

namespace posthouse::access::imap {

IndexAnswers::IndexAnswers(const search::Answer& answer, const store::UidList& uids) {
  for (const std::vector<Truth>& told : answer.truths) {
    std::vector<Truth>& truths = truths_.emplace_back(uids.size(), Truth::unknown);
    // Both rise.
    size_t at = 0;
    for (const store::UidList::Run& run : uids.runs()) {
      while (at < answer.uids.size() && answer.uids[at] < run.first) at++;
      while (at < answer.uids.size() && answer.uids[at] - run.first < run.count) {
        truths[run.before + (answer.uids[at] - run.first)] = told[at];
        at++;
      }
    }
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
