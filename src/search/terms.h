// Text as terms, so that a term says without a look at the text whether a key is in it.
//
// The text is folded by the collation that SEARCH compares by (message::casemap) and falls into runs: words
// (letters, digits, marks), runs of scripts that are written without spaces, and what is between them, which
// is no term. A word is a term as it is, so that a key within one word is in a text exactly if it is in one
// of its terms. What is no word that anybody would remember, such as long tokens, identifiers and numbers, is
// cut into overlapping pieces of three characters, and runs without spaces into pieces of two: else there
// were as many terms as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/search_text.h"

namespace posthouse::search {

class TermSink {
 public:
  virtual ~TermSink() = default;
  // Views hold during the call. None holds a NUL.
  virtual void word(std::string_view term) = 0;
  virtual void gram(std::string_view term) = 0;
};

// What a character of folded text belongs to.
enum class Run : uint8_t { between, word, unspaced };
Run run_of(char32_t c);

// Takes text in UTF-8, not yet folded, in pieces of any size. Memory does not grow with the text.
class Tokenizer {
 public:
  explicit Tokenizer(TermSink& sink) : sink_(sink) {}
  void feed(std::string_view utf8);
  // Between two texts: no key is found across.
  void end_text();

 private:
  void take(std::string_view folded);
  void take_char(std::string_view c, Run run);
  void take_in_word(std::string_view c);
  void take_unspaced(std::string_view c);
  void cut(std::string_view token);
  void end_run();

  TermSink& sink_;
  message::TextFolder folder_;
  std::string folded_;
  Run run_ = Run::between;
  std::string token_;     // the word so far; of one that is being cut its last characters
  size_t chars_ = 0;      // of the run
  bool digits_ = false;   // in it
  bool cutting_ = false;  // it is too long for a word
};

// Whether a word (folded) is cut into pieces, and no term by itself.
bool is_cut(std::string_view word);

// A key, folded, as runs.
struct NeedleRun {
  std::string text;
  Run run = Run::word;
  size_t chars = 0;
  bool begins = false;              // the key goes on to its left: here a term begins
  bool ends = false;                // and to its right
  std::vector<std::string> pieces;  // of a word those of three characters, of an unspaced run those of two;
                                    // none if it is shorter
};

struct Needle {
  std::vector<NeedleRun> runs;  // none: terms say nothing about it
  // It is one run: found in a term is found in the text, and the other way round, where no piece is needed.
  bool single = false;
};
// `key` in UTF-8, not yet folded.
Needle parse_needle(std::string_view key);

}  // namespace posthouse::search
