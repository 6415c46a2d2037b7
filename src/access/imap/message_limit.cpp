#include "access/imap/message_limit.h"

namespace posthouse::access::imap {

using wire::imap::NumberRange;

namespace {

std::string code_of(uint32_t limit, store::Uid lowest) {
  std::string code = "MESSAGELIMIT " + std::to_string(limit);
  if (lowest != 0) code += " " + std::to_string(lowest);
  return code;
}

}  // namespace

uint32_t save_limit(const Session& s) {
  return s.options->message_limit != 0 ? s.options->message_limit : s.options->save_limit;
}

uint64_t count_of(const std::vector<NumberRange>& messages) {
  uint64_t count = 0;
  for (const NumberRange& range : messages) count += range.last - range.first + 1;
  return count;
}

bool keep_last(std::vector<NumberRange>& messages, uint32_t most) {
  if (most == 0) return false;
  uint32_t left = most;
  for (size_t i = messages.size(); i-- > 0;) {
    NumberRange& range = messages[i];
    const uint32_t size = range.last - range.first + 1;
    if (size < left || (size == left && i == 0)) {
      left -= size;
      continue;
    }
    // This range is the first that stays.
    range.first = range.last - left + 1;
    messages.erase(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(i));
    return true;
  }
  return false;
}

bool keep_last(std::vector<store::Uid>& uids, uint32_t most) {
  if (most == 0 || uids.size() <= most) return false;
  uids.erase(uids.begin(), uids.end() - static_cast<ptrdiff_t>(most));
  return true;
}

Reply over_limit(uint32_t limit, store::Uid lowest) {
  return no("Too many messages at once", code_of(limit, lowest));
}

Reply limited(Session& s, Reply reply, store::Uid lowest) {
  std::string code = code_of(s.options->message_limit, lowest);
  if (reply.kind == Reply::ok && reply.code.empty()) {
    reply.code = std::move(code);
    return reply;
  }
  append_status(s, "*", no("Not all of the messages were processed", std::move(code)));
  return reply;
}

}  // namespace posthouse::access::imap
