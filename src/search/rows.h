// The rows of the search index. An account's are in the partition of its id, in a database of their own.
//
//   "M" mailbox                           what is indexed of it (MailboxState)
//   "S" mailbox segment "L"               the letters of a segment (SegmentLetters)
//   "S" mailbox segment "T" dict first    some terms of a dictionary, from `first` on
//   "S" mailbox segment "P" dict first    where each of them is
//
// A segment is never changed; several become one. Numbers in keys are big-endian, 4 bytes. In "T" each term
// has a NUL before and behind it, so that words can be looked through by memmem; in "P" each term has a
// length and postings (search/postings.h), in the same order. docs/formats/search.md has the records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::search {

using store::AccountId;
using store::MailboxId;
using store::Uid;
using SegmentId = uint32_t;

// What of a letter a term is in.
enum class Field : char { addresses = 'A', body = 'B', documents = 'D', header = 'H', subject = 'S' };

// A dictionary: a field's words, or its pieces of words.
enum class Dict : char {};
constexpr Dict words_of(Field field) {
  return static_cast<Dict>(field);
}
constexpr Dict grams_of(Field field) {
  return static_cast<Dict>(static_cast<char>(field) | 0x20);
}

struct Segment {
  SegmentId id = 0;
  uint32_t letters = 0;
  Uid first = 0, last = 0;  // no letter of the mailbox between them is missing, but what was expunged before
  uint64_t last_email = 0;  // store::Entry::email of the last one
  uint64_t bytes = 0;       // of the segment's rows, keys and all, before the database packs them
  uint64_t text = 0;        // octets of text that are in it
};

struct MailboxState {
  uint32_t uid_validity = 0;
  Uid through = 0;                 // all letters up to here are in segments
  SegmentId next_segment = 1;      // perhaps with rows already, of one that did not come to its end
  std::vector<Segment> segments;   // rising by UID
  std::vector<SegmentId> leaving;  // their rows are being erased
};

struct SegmentLetters {
  std::vector<Uid> uids;     // rising
  std::vector<bool> opaque;  // of each: not all of it is indexed, whatever it does not have it may have
};

constexpr engine::Partition partition_of(AccountId account) {
  return {engine::PartitionKind::account, account};
}

std::string state_key(MailboxId mailbox);
inline constexpr std::string_view kStatePrefix = "M";
MailboxId mailbox_of_state_key(std::string_view key);
std::string segment_prefix(MailboxId mailbox, SegmentId segment);
std::string segments_prefix(MailboxId mailbox);
std::string letters_key(MailboxId mailbox, SegmentId segment);
std::string terms_prefix(MailboxId mailbox, SegmentId segment, Dict dict);
std::string postings_prefix(MailboxId mailbox, SegmentId segment, Dict dict);
// The first key behind all that begin with `prefix`, which does not end in 0xFF.
std::string behind(std::string prefix);

std::string encode(const MailboxState& state);
Result<MailboxState> decode_state(std::string_view record);  // corrupt
std::string encode(const SegmentLetters& letters);
Result<SegmentLetters> decode_letters(std::string_view record);  // corrupt

struct Row {
  std::string key, value;
};

// Makes the "T" and "P" rows of a segment from its terms, which come in the order of dictionaries and terms.
class ChunkWriter {
 public:
  ChunkWriter(MailboxId mailbox, SegmentId segment) : mailbox_(mailbox), segment_(segment) {}
  void add(Dict dict, std::string_view term, std::string_view postings);
  void finish() { flush(); }
  std::vector<Row> take_rows() { return std::exchange(rows_, {}); }
  size_t waiting() const { return rows_.size(); }
  uint64_t bytes() const { return bytes_; }  // of all rows so far

 private:
  void flush();

  MailboxId mailbox_;
  SegmentId segment_;
  Dict dict_{};
  std::string first_, terms_, postings_;
  std::vector<Row> rows_;
  uint64_t bytes_ = 0;
};

// What a "T" and a "P" row hold, term by term. The views point into the rows. False when they are damaged.
bool split_terms(std::string_view row, std::vector<std::string_view>& out);
bool split_postings(std::string_view row, std::vector<std::string_view>& out);

}  // namespace posthouse::search
