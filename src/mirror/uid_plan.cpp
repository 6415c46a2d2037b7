#include "mirror/uid_plan.h"

#include <algorithm>

namespace posthouse::mirror {

using store::Uid;

namespace {

// What the message may keep or take over behind one that has `before`; 0: it needs a new one.
Uid kept(const NamedMessage& message, Uid before, const UidBounds& bounds) {
  const bool in_order = message.file > before;
  if (in_order && (message.file == message.index || message.file >= bounds.index_next)) return message.file;
  const bool unknown_to_others = message.index > bounds.file_last;
  const bool only_lost = message.file == 0 && message.confirmed;
  return message.index > before && (unknown_to_others || only_lost) ? message.index : 0;
}

}  // namespace

std::vector<Uid> plan_uids(const std::vector<NamedMessage>& messages, const UidBounds& bounds) {
  std::vector<Uid> out;
  out.reserve(messages.size());
  Uid before = 0;
  Uid next = std::max(bounds.index_next, bounds.file_last + 1);
  for (const NamedMessage& message : messages) {
    if (message.index == 0) {  // comes into the index, and to its UID, later
      out.push_back(0);
      before = std::max(before, message.file);
      continue;
    }
    Uid uid = kept(message, before, bounds);
    if (uid == 0) uid = next;
    next = std::max(next, uid + 1);
    before = uid;
    out.push_back(uid);
  }
  return out;
}

}  // namespace posthouse::mirror
