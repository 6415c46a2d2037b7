#include "access/imap/uid_sets.h"

#include <algorithm>

namespace posthouse::access::imap {

namespace {

using store::UidList;

// Goes over the runs of a list, from which pieces are taken off at the front.
class Runs {
 public:
  explicit Runs(const UidList& list) : runs_(list.runs()) { load(); }
  bool done() const { return at_ == runs_.size(); }
  uint64_t first() const { return done() ? UINT64_MAX : first_; }
  uint64_t end() const { return done() ? UINT64_MAX : end_; }
  // Up to there; not beyond the run.
  void pass(uint64_t end) {
    first_ = end;
    if (first_ < end_) return;
    at_++;
    load();
  }

 private:
  void load() {
    if (done()) return;
    first_ = runs_[at_].first;
    end_ = first_ + runs_[at_].count;
  }

  const std::vector<UidList::Run>& runs_;
  size_t at_ = 0;
  uint64_t first_ = 0, end_ = 0;
};

// Which UIDs are wanted: those of one list alone, and those of both.
UidList combine(const UidList& list_a, const UidList& list_b, bool of_a, bool of_b, bool of_both) {
  UidList out;
  Runs a(list_a), b(list_b);
  while (!a.done() || !b.done()) {
    const uint64_t first = std::min(a.first(), b.first());
    const bool in_a = a.first() == first, in_b = b.first() == first;
    uint64_t end = std::min(in_a ? a.end() : a.first(), in_b ? b.end() : b.first());
    const bool wanted = in_a && in_b ? of_both : in_a ? of_a : of_b;
    if (wanted) out.append_run(static_cast<store::Uid>(first), static_cast<uint32_t>(end - first));
    if (in_a) a.pass(end);
    if (in_b) b.pass(end);
  }
  return out;
}

}  // namespace

UidList difference(const UidList& a, const UidList& b) {
  return combine(a, b, true, false, false);
}

UidList common(const UidList& a, const UidList& b) {
  return combine(a, b, false, false, true);
}

UidList together(const UidList& a, const UidList& b) {
  return combine(a, b, true, true, true);
}

bool same(const UidList& a, const UidList& b) {
  return std::equal(
      a.runs().begin(), a.runs().end(), b.runs().begin(), b.runs().end(),
      [](const UidList::Run& x, const UidList::Run& y) { return x.first == y.first && x.count == y.count; });
}

std::vector<store::Uid> all_of(const UidList& list) {
  std::vector<store::Uid> out;
  out.reserve(list.size());
  for (const UidList::Run& run : list.runs()) {
    for (uint32_t i = 0; i < run.count; i++) out.push_back(run.first + i);
  }
  return out;
}

}  // namespace posthouse::access::imap
