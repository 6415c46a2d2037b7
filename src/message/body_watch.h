// What is learnt from the bodies of parts while they stream by: the first words of the text, and how large
// coded parts are when decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message/decoded_size.h"
#include "message/preview.h"
#include "message/summary.h"

namespace posthouse::message {

// Where a part stands, for what is shown of a message.
struct PartPlace {
  const Part* parent = nullptr;  // nullptr: it is all of the message
  bool embedded = false;         // in an embedded message
  bool in_alternative = false;
};

// Bounded: holds the decoders of one part and two previews. Bytes of parts that nobody asks about cost
// nothing.
class BodyWatch {
 public:
  // The body of a leaf begins; `part` stays where it is until end().
  void begin(Part& part, const PartPlace& place);
  // Whether the bytes of the part are wanted.
  bool active() const { return active_; }
  void feed(std::string_view bytes);
  // Whether take_regular_lines() may be asked: only the size of base64 is wanted.
  bool counts_lines() const { return counts_lines_; }
  // DecodedSize::take_regular_lines(), all before being fed.
  size_t take_regular_lines(std::string_view bytes, uint64_t& lines) {
    return size_->take_regular_lines(bytes, lines);
  }
  // Some bytes of the part were not seen.
  void lose() { lost_ = true; }
  // The part is over. `without_line_end`: its last one belongs to a delimiter.
  void end(bool without_line_end);

  // After the last part: the first words of the text to read.
  std::string preview(const Part& root);

 private:
  void take(std::string_view bytes);
  void see_what_is_wanted();
  bool wants_preview(const Part& part, const PartPlace& place);
  void end_preview();

  Part* part_ = nullptr;
  bool active_ = false, counts_lines_ = false, lost_ = false;
  std::optional<DecodedSize> size_;
  std::optional<Preview> preview_;
  std::string held_;  // a line end that may be the last

  // Text that is not blank, and where the header of its part begins.
  struct Found {
    std::string text;
    uint64_t part = 0;
  };
  Found plain_, html_;
  bool is_html_ = false;     // preview_
  bool settled_ = false;     // nothing that comes later is preferred
  bool may_settle_ = false;  // so is preview_, if it has words
};

}  // namespace posthouse::message
