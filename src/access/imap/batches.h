// Reads entries of many messages in portions.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "access/imap/record_parts.h"
#include "access/imap/state.h"
#include "store/entries_ahead.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

// What of the entries is wanted; the rest may be missing.
enum class Wanted : uint8_t {
  flags,    // UID, flags and MODSEQ
  shape,    // the same, size, date and summary
  entry,    // all but the summary
  summary,  // all
};

// Walks over the messages that rising ranges of sequence numbers name. The view must not change meanwhile.
class Batches {
 public:
  // `from_end`: the last ones come first.
  Batches(std::vector<wire::imap::NumberRange> messages, Wanted wanted, bool from_end = false)
      : messages_(std::move(messages)), wanted_(wanted), from_end_(from_end) {}

  bool done() const { return shapes_ ? shapes_->done() : at_ == messages_.size() && !begun_; }
  // The entries of the next messages, rising; those that another session has removed are missing.
  Task<Result<std::vector<store::Entry>>> next(Session& s, const View& view);
  // After next(), for whoever has much to do with what it gave: begins to read what it gives then, if they
  // are to be read from the store, and not from the end.
  void begin_next(Session& s, const View& view);
  // How many messages were asked for so far.
  uint64_t asked() const { return asked_; }

 private:
  // The next ones from `sheet_`.
  std::vector<store::Entry> flags_of_next(const View& view);
  store::Entry entry_of(const View& view, const store::FlagSheet::Mark& mark) const;
  // From `shapes_`, with flags from the sheet.
  Task<Result<std::vector<store::Entry>>> shapes_of_next(const View& view);
  void begin_shapes(Session& s, const View& view);
  size_t count() const;
  // What of the next messages is to be read: by UIDs, or if there are none in a range of them.
  struct Ask {
    store::Uid first = 0, last = 0;
    size_t most = 0;
    std::vector<store::Uid> uids;
  };
  Ask ask(const View& view);
  Task<Result<std::vector<store::Entry>>> last(Session& s, const View& view);

  std::vector<wire::imap::NumberRange> messages_;
  Wanted wanted_;
  bool from_end_;
  std::shared_ptr<const store::FlagSheet> sheet_;
  std::unique_ptr<RecordParts<std::vector<store::Entry>>> shapes_;
  std::optional<store::EntriesBegun> begun_;
  size_t at_ = 0;
  uint64_t asked_ = 0;
};

}  // namespace posthouse::access::imap
