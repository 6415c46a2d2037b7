// Rows of the log of changes ("C", store/rows.h): which messages changed, or were expunged, in one
// transaction. A few have a row each; many share rows, as runs of UIDs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

// One message's, of whatever row.
struct Change {
  ModSeq modseq = 0;
  Uid uid = 0;
  auto operator<=>(const Change&) const = default;
};

// UIDs without a gap.
struct ChangeRun {
  Uid first = 0;
  uint32_t count = 0;
  // Of expunges: when the first came into this mailbox, and by how much that is later for each next one.
  ModSeq created = 0;
  ModSeq step = 0;

  Uid last() const { return first + (count - 1); }
  ModSeq created_of(Uid uid) const { return created + step * (uid - first); }
};

struct ChangeRow {
  bool expunged = false;
  // Of the kind for many, whose key has the first of its UIDs. The messages' rows say so as well
  // (FlagRow::shares), so that single ones are found without a look.
  bool shared = true;
  // Rising, none empty. Of a shared row of changes `created` is not known and 0.
  std::vector<ChangeRun> runs;

  Uid last() const { return runs.empty() ? 0 : runs.back().last(); }
  size_t size() const;
  // Whether there is room for one more, above all before; else nothing is done.
  bool add(Uid uid, ModSeq created);
  // Takes those of `rising` out that are in it; how many these are.
  size_t remove(const std::vector<Uid>& rising);
  // Until `visit(uid, created)` says false.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const ChangeRun& run : runs) {
      for (uint32_t i = 0; i < run.count; ++i) {
        if (!visit(run.first + i, run.created + run.step * i)) return;
      }
    }
  }
};

std::string encode(const ChangeRow& row);
// `uid` is that of the key. corrupt; also when the row is not where it belongs.
Result<ChangeRow> decode_change(Uid uid, std::string_view record);

}  // namespace posthouse::store
