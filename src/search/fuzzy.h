// Matching that is not exact (RFC 6203): by words, whatever their case and marks, with their other forms and
// with slips of the pen, and how well a letter fits, from 1 to 100.
//
// It goes by the terms that the index has (search/terms.h), so that the index alone says who matches and how
// well, and a look at the letter finds the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/rows.h"
#include "search/terms.h"

namespace posthouse::search {

// A key made ready. Immutable, thread-safe.
class FuzzyKey {
 public:
  enum class Kind : uint8_t {
    similar,
    whole,   // the term itself: a piece of text that is written without spaces
    inside,  // a term that has it: one character of such text
  };
  struct Word {
    Kind kind = Kind::similar;
    std::u32string text;              // folded, without marks
    uint64_t letters = 0;             // which it has, as bits
    size_t slips = 0;                 // that are forgiven
    bool cut = false;                 // no text has it as a term, only its pieces
    std::vector<std::string> pieces;  // of three characters, as terms are; none: it is not found by them
    std::vector<size_t> restarts;     // how many pieces still fit when the next does not
  };

  // `key` in UTF-8, not folded. The first kFuzzyWords words count.
  explicit FuzzyKey(std::string_view key);
  // None: it can only be matched exactly.
  const std::vector<Word>& words() const { return words_; }
  // What a letter gets whose words were found with these marks (0 to 100): 0 if it does not match. Of one or
  // two words all have to be there, of more two in three.
  uint8_t score(const uint8_t* marks) const;

 private:
  std::vector<Word> words_;
};

// A term as it is compared.
class PlainTerm {
 public:
  void set(std::string_view term);
  std::u32string_view text() const { return text_; }
  uint64_t letters() const { return letters_; }

 private:
  std::u32string text_;
  uint64_t letters_ = 0;
};

// How like the word the term is: 0 to 100.
uint8_t likeness(const FuzzyKey::Word& word, const PlainTerm& term);
// The same where its pieces stand one behind the other.
uint8_t likeness_of_pieces(const FuzzyKey::Word& word);

// What a mark is worth in a field (0 to 100) where a key is looked for in several.
uint8_t weigh(uint8_t mark, Field field, bool several);

// Keys looked for in the texts of one letter, field by field. Memory does not grow with the text.
class FuzzyTexts : private TermSink {
 public:
  struct Key {
    std::shared_ptr<const FuzzyKey> key;
    bool body_only = false;  // else it is looked for in subject, header and body
  };
  explicit FuzzyTexts(const std::vector<Key>& keys);
  FuzzyTexts(const FuzzyTexts&) = delete;
  FuzzyTexts& operator=(const FuzzyTexts&) = delete;

  // What comes now is of that field; another text has ended.
  void enter(Field field) { field_ = field; }
  void feed(std::string_view utf8) { tokenizer_.feed(utf8); }
  void end_text() { tokenizer_.end_text(); }
  // Of what came so far; it only grows.
  uint8_t score(size_t key) const;
  bool all_found() const;

 private:
  struct Found {
    Key key;
    std::vector<uint8_t> marks;  // of each word
    std::vector<size_t> pieces;  // of each that stand one behind the other just now
  };
  void word(std::string_view term) override;
  void gram(std::string_view term) override;
  bool takes(const Found& found) const { return !found.key.body_only || field_ == Field::body; }

  std::vector<Found> found_;
  Field field_ = Field::body;
  PlainTerm plain_;
  Tokenizer tokenizer_;
};

// One key in a few short texts of one field: how well they fit.
uint8_t fuzzy_score(const std::shared_ptr<const FuzzyKey>& key, const std::vector<std::string>& texts);

}  // namespace posthouse::search
