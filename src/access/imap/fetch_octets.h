// Octets of messages for FETCH and SEARCH: small messages are read several at once, large ones piece by
// piece.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/imap/fetch_plan.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

std::vector<store::Uid> uids_of(const std::vector<store::Entry>& messages);

// The small messages of a batch, read ahead of their turn: some, at most kReadTogether octets and one message
// more, and meanwhile as many that come next.
class ReadAhead {
 public:
  // For the next messages of `entries` (of an account's) from `at` on, or to there from the end, if they are
  // small. Errors are left to the reading itself.
  Task<void> fill(Session& s, store::AccountId account, const std::vector<store::Entry>& entries, size_t at,
                  bool from_end = false);
  // The whole message, or nullptr.
  const std::string* find(store::Uid uid) const;

 private:
  // Some that are to be read together, and where those behind them begin.
  struct Some {
    std::vector<store::Entry> messages;  // rising
    size_t next = 0;                     // steps on from where they were asked for
  };
  static Some some_of(const std::vector<store::Entry>& entries, size_t at, bool from_end);
  void begin_next(Session& s, store::AccountId account, const std::vector<store::Entry>& entries, size_t at,
                  bool from_end);

  std::vector<store::Uid> uids_;
  std::vector<std::string> messages_;
  std::vector<store::Uid> next_uids_;
  std::optional<store::MailStore::Reading> next_;
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
