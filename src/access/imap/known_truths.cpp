#include "access/imap/known_truths.h"

#include <algorithm>

#include "access/imap/limits.h"
#include "access/imap/view.h"

namespace posthouse::access::imap {

search::Truth KnownTruths::at(store::Uid uid) const {
  if (!has_room_for(uid)) return search::Truth::unknown;
  const size_t word = (uid - first) / 64;
  const uint64_t bit = uint64_t{1} << ((uid - first) % 64);
  if ((known[word] & bit) == 0) return search::Truth::unknown;
  return (yes[word] & bit) != 0 ? search::Truth::yes : search::Truth::no;
}

void KnownTruths::note(store::Uid uid, bool matches) {
  const size_t word = (uid - first) / 64;
  const uint64_t bit = uint64_t{1} << ((uid - first) % 64);
  known[word] |= bit;
  if (matches) yes[word] |= bit;
}

TruthNotes::TruthNotes(Recall& recall, const View& view, const std::vector<std::string>& keys) {
  if (view.uids.empty()) return;
  first_ = view.uids.at(1);
  last_ = view.uids.last();
  // Bits of UIDs that are long gone are not worth their room.
  if (last_ - first_ > kTruthsBeside + kTruthsThin * uint64_t{view.uids.size()}) return;
  recall_ = &recall;
  for (const std::string& key : keys) {
    Question& question = questions_.emplace_back();
    if (key.empty()) continue;
    question.key = Recall::key_of(view, "SEARCH " + key);
    question.known = recall.find<KnownTruths>(question.key);
  }
}

bool TruthNotes::any() const {
  return std::ranges::any_of(questions_, [](const Question& one) { return one.known != nullptr; });
}

void TruthNotes::note(size_t question, store::Uid uid, bool matches) {
  if (question >= questions_.size() || uid < first_ || uid > last_) return;
  Question& one = questions_[question];
  if (one.key.what.empty()) return;
  if (!one.fresh) {
    one.fresh = std::make_shared<KnownTruths>();
    one.fresh->first = first_;
    one.fresh->known.resize((last_ - first_) / 64 + 1);
    one.fresh->yes.resize(one.fresh->known.size());
    for (store::Uid each = first_; one.known && each - first_ <= last_ - first_; each++) {
      const search::Truth truth = one.known->at(each);
      if (truth != search::Truth::unknown) one.fresh->note(each, truth == search::Truth::yes);
      if (each == last_) break;
    }
  }
  one.fresh->note(uid, matches);
}

void TruthNotes::keep() {
  for (Question& one : questions_) {
    if (!one.fresh) continue;
    const size_t octets = one.fresh->octets();
    recall_->keep(one.key, std::move(one.fresh), octets);
  }
}

}  // namespace posthouse::access::imap
