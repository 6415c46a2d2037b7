#include "access/imap/thread_result.h"

#include <algorithm>
#include <span>

namespace posthouse::access::imap {

namespace {

constexpr size_t kDate = 8;  // octets of the date at the end of a key

void append_number(Session& s, store::Uid uid, bool as_uid) {
  s.out += std::to_string(as_uid ? uid : s.view->uids.sequence(uid));
}

// Messages of one base subject, as a part of what is sorted.
struct Group {
  std::string_view date;
  size_t first = 0;
  size_t end = 0;
};

// Sorted by the date of their first messages.
std::vector<Group> groups_of(const SortOrder& order) {
  std::vector<Group> groups;
  const auto& items = order.items();
  std::string_view last;
  for (size_t i = 0; i < items.size(); i++) {
    const std::string_view key = order.key(items[i]);
    const std::string_view subject = key.substr(0, key.size() - kDate);
    if (i == 0 || subject != last) groups.push_back({key.substr(key.size() - kDate), i, i});
    groups.back().end = i + 1;
    last = subject;
  }
  std::sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
    const int by_date = a.date.compare(b.date);
    return by_date != 0 ? by_date < 0 : items[a.first].uid < items[b.first].uid;
  });
  return groups;
}

// Writes a tree as nested lists, however deep, without recursion.
class TreeWriter {
 public:
  using Item = message::ReferenceThreads::Item;

  TreeWriter(Session& s, const message::ReferenceThreads& threads, const std::vector<store::Uid>& uids,
             bool uid)
      : s_(s), threads_(threads), uids_(uids), uid_(uid) {}

  Task<void> write() {
    levels_.push_back(threads_.top());
    while (true) {
      if (levels_.back().empty()) {
        levels_.pop_back();
        if (levels_.empty()) break;
        s_.out += ')';
        continue;
      }
      const Item next = levels_.back().front();
      levels_.back() = levels_.back().subspan(1);
      begin_list(next);
      if (s_.wants_flush()) co_await s_.flush();
    }
  }

 private:
  // From "(" on as far as each message has one child.
  void begin_list(Item item) {
    s_.out += '(';
    while (true) {
      const std::span<const Item> children = threads_.children(item);
      if (item < uids_.size()) {
        append_number(s_, uids_[item], uid_);
        if (!children.empty()) s_.out += ' ';
      }
      if (children.size() != 1) {
        if (children.empty()) {
          s_.out += ')';
        } else {
          levels_.push_back(children);
        }
        return;
      }
      item = children.front();
    }
  }

  Session& s_;
  const message::ReferenceThreads& threads_;
  const std::vector<store::Uid>& uids_;
  bool uid_;
  std::vector<std::span<const Item>> levels_;  // what is still to be written of each list that is open
};

}  // namespace

// The first message of a group is the parent of all others.
Task<void> tell_ordered_subjects(Session& s, const SortOrder& order, bool uid) {
  const std::vector<Group> groups = groups_of(order);
  s.out += groups.empty() ? "* THREAD" : "* THREAD ";
  for (const Group& group : groups) {
    const size_t members = group.end - group.first;
    s.out += '(';
    for (size_t i = group.first; i < group.end; i++) {
      const bool nested = i > group.first && members > 2;
      if (i == group.first + 1) s.out += ' ';
      if (nested) s.out += '(';
      append_number(s, order.items()[i].uid, uid);
      if (nested) s.out += ')';
      if (s.wants_flush()) co_await s.flush();
    }
    s.out += ')';
  }
  s.out += "\r\n";
}

Task<void> tell_references(Session& s, const message::ReferenceThreads& threads,
                           const std::vector<store::Uid>& uids, bool uid) {
  s.out += uids.empty() ? "* THREAD" : "* THREAD ";
  TreeWriter writer(s, threads, uids, uid);
  co_await writer.write();
  s.out += "\r\n";
}

}  // namespace posthouse::access::imap
