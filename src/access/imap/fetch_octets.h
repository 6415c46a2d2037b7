// Octets of messages for FETCH and SEARCH: small messages are read several at once, large ones piece by
// piece.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "access/imap/fetch_plan.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

std::vector<store::Uid> uids_of(const std::vector<store::Entry>& messages);

// The messages of a batch in the order in which they are told, and then those of the batch behind it, as far
// as that is known.
struct Course {
  const std::vector<store::Entry>& entries;
  bool from_end = false;
  const std::vector<store::Entry>* following = nullptr;

  size_t size() const { return entries.size() + (following != nullptr ? following->size() : 0); }
  const store::Entry& at(size_t step) const {
    if (step >= entries.size()) return (*following)[step - entries.size()];
    return entries[from_end ? entries.size() - 1 - step : step];
  }
};

// Small messages, read ahead of their turn: some together, at most kReadTogether octets and one message more,
// and meanwhile kPartsAhead times as many that come next, on several threads.
class ReadAhead {
 public:
  // For the messages (of an account's) from `step` on, if they are small. Errors are left to the reading
  // itself.
  Task<void> fill(Session& s, store::AccountId account, const Course& course, size_t step);
  // The whole message, or nullptr.
  const std::string* find(store::Uid uid) const;

 private:
  struct Part {
    std::vector<store::Uid> uids;  // rising
    store::MailStore::Reading reading;
  };
  // Begins to read those from `step` on, which moves behind them. False: there are none, or they are not to
  // be read ahead.
  bool begin(Session& s, store::AccountId account, const Course& course, size_t& step);
  void begin_more(Session& s, store::AccountId account, const Course& course, size_t step);

  std::vector<store::Uid> uids_;  // of `messages_`, rising
  std::vector<std::string> messages_;
  std::deque<Part> begun_;
  store::Uid begun_to_ = 0;  // the last one in the order of the course
};

// HEADER.FIELDS and .NOT: what is picked from the `header` of a message of the account. `whole`: the message,
// or nullptr.
Task<Result<std::string>> read_fields(Session& s, store::AccountId account,
                                      const wire::imap::Section& section, const store::Entry& entry,
                                      Extent header, const std::string* whole);

// Writes one item with octets, label first, to s.out. Where the octets can't be read NIL is written, and the
// fault given; nothing was flushed then since the label. Throws SessionEnd if that shows only in the middle.
// `picked`: filled with what HEADER.FIELDS selects, if it does.
Task<Result<void>> write_octets(Session& s, const FetchPart& part, const store::Entry& entry,
                                const message::Summary* summary, const std::string* whole,
                                std::optional<std::string>& picked);

// The same of an item whose fields are known.
void append_fields(std::string& out, const FetchPart& part, std::string_view fields);

}  // namespace posthouse::access::imap
