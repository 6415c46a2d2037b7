// A segment in the making: letters one after another, in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search/rows.h"
#include "search/terms.h"

namespace posthouse::search {

// What is to be written of a segment.
struct BuiltSegment {
  Segment segment;
  std::vector<Row> rows;
};

// Not thread-safe.
class SegmentBuilder : private TermSink {
 public:
  // The next letter; UIDs rise. Texts go to it until the next one.
  void begin_letter(Uid uid, uint64_t email);
  // Not all of it is (or will be) here.
  void set_opaque() { letters_.opaque.back() = true; }
  // A text of the letter, in UTF-8, in pieces.
  void feed(Field field, std::string_view utf8);
  void end_text();

  bool empty() const { return letters_.uids.empty(); }
  bool full() const;
  bool overfull() const;
  // Empty from then on.
  BuiltSegment build(MailboxId mailbox, SegmentId segment);

 private:
  struct Postings {
    std::string gaps;
    uint32_t next = 0;  // number of the letter that is in it last, and 1
  };
  void word(std::string_view term) override { add(words_of(field_), term); }
  void gram(std::string_view term) override { add(grams_of(field_), term); }
  void add(Dict dict, std::string_view term);

  SegmentLetters letters_;
  uint64_t last_email_ = 0;
  uint64_t text_ = 0;
  size_t memory_ = 0;
  Field field_ = Field::body;
  Tokenizer tokenizer_{*this};
  std::string key_;                                  // the dictionary and the term
  std::unordered_map<std::string, Postings> terms_;  // by key
};

}  // namespace posthouse::search
