// The first words of a message, for lists (RFC 8970, RFC 8621 section 4.1.4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "message/flowed_text.h"
#include "message/html_text.h"
#include "message/search_text.h"
#include "message/summary.h"

namespace posthouse::message {

// The part whose text is shown: the first text to read, plain where there is a choice; nullptr if none is
// there.
const Part* preview_part(const Part& root);

// Feed the raw body of that part from its start while wants_more(). Markup, quoted lines, the signature and
// all but single blanks are left out; quoted lines come back where there is nothing else.
class Preview {
 public:
  explicit Preview(const Part& part);
  void feed(std::string_view raw);
  bool wants_more() const { return !done_; }
  // At most limits::kPreview characters of UTF-8 on one line.
  std::string finish();

 private:
  struct Line {
    std::string text;
    size_t characters = 0;
    bool blank_due = false;
    void add(std::string_view character);
    void add_words(std::string_view ascii);
    void add_blank() { blank_due = !text.empty(); }
  };
  void take(std::string_view utf8);
  size_t plain_words(std::string_view utf8);
  void take_character(std::string_view character);
  void begin_line();
  void show(std::string_view character);

  PartTextDecoder decoder_;
  bool is_html_, is_flowed_;
  HtmlText html_;
  FlowedText flowed_;
  bool done_ = false;
  size_t read_ = 0;
  std::string decoded_, plain_;  // of the step in hand
  std::string start_;            // of the line, until it shows what it is
  bool line_known_ = false, quoted_line_ = false;
  Line own_, quoted_;
};

}  // namespace posthouse::message
