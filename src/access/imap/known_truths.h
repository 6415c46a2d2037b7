// What looks at messages have told of a key before (docs/adr/0018): a phrase of common words, which the
// search index can't tell of, is looked for in each message once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "access/imap/recall.h"
#include "search/index.h"
#include "store/types.h"

namespace posthouse::access::imap {

// By UID, for one key. Two bits a UID.
struct KnownTruths : Recall::Kept {
  store::Uid first = 0;              // the UID of the first bit
  std::vector<uint64_t> known, yes;  // of as many UIDs

  search::Truth at(store::Uid uid) const;
  void note(store::Uid uid, bool matches);  // first <= uid, and not beyond the last bit
  bool has_room_for(store::Uid uid) const { return uid >= first && (uid - first) / 64 < known.size(); }
  size_t octets() const { return sizeof(KnownTruths) + 16 * known.size(); }
};

// What is known of the keys of one search, and what it finds out.
class TruthNotes {
 public:
  TruthNotes() = default;  // takes no notes
  // `keys`: what tells the search's questions from others, "" of those of which nothing is noted.
  TruthNotes(Recall& recall, const View& view, const std::vector<std::string>& keys);

  // nullptr: nothing.
  const KnownTruths* known(size_t question) const { return questions_[question].known.get(); }
  bool any() const;
  size_t size() const { return questions_.size(); }
  void note(size_t question, store::Uid uid, bool matches);
  // For the next search.
  void keep();

 private:
  struct Question {
    Recall::Key key;
    std::shared_ptr<const KnownTruths> known;
    std::shared_ptr<KnownTruths> fresh;  // the same and more
  };

  Recall* recall_ = nullptr;
  store::Uid first_ = 0, last_ = 0;  // of the view
  std::vector<Question> questions_;
};

}  // namespace posthouse::access::imap
