#include "search/fuzzy.h"

#include <algorithm>
#include <array>
#include <bit>

#include "message/plain_letters.h"
#include "search/limits.h"

namespace posthouse::search {

namespace {

// How like: the word itself, with a short ending, another form of it, one inside of a longer word, with one
// slip, with two.
constexpr uint8_t kSame = 100, kEnding = 85, kForm = 70, kInside = 50, kSlip = 40, kSlips = 20;

constexpr size_t kShortEnding = 3;    // characters
constexpr size_t kStem = 4;           // characters that two forms of a word share at least, and two in three
constexpr size_t kShortestStart = 3;  // characters of a word that longer ones may begin with
constexpr size_t kShortestInside = 4;
constexpr size_t kOneSlip = 4, kTwoSlips = 8;  // characters of a word that has them
constexpr size_t kComparedChars = 64;          // of a word: no term is longer

uint64_t letters_of(std::u32string_view text) {
  uint64_t bits = 0;
  for (const char32_t c : text) bits |= uint64_t{1} << (c % 64);
  return bits;
}

bool is_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

// Insertions, deletions, replacements and swaps of neighbours from one to the other, or more than `most`.
size_t slips_between(std::u32string_view a, std::u32string_view b, size_t most) {
  std::array<uint8_t, kComparedChars + 1> before{};
  std::array<uint8_t, kComparedChars + 1> last{};
  std::array<uint8_t, kComparedChars + 1> row{};
  for (size_t j = 0; j <= b.size(); j++) last[j] = static_cast<uint8_t>(j);
  for (size_t i = 1; i <= a.size(); i++) {
    row[0] = static_cast<uint8_t>(i);
    size_t least = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const int other = a[i - 1] == b[j - 1] ? 0 : 1;
      int slips = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + other});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) slips = std::min(slips, before[j - 2] + 1);
      row[j] = static_cast<uint8_t>(slips);
      least = std::min<size_t>(least, row[j]);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return last[b.size()];
}

size_t shared_start(std::u32string_view a, std::u32string_view b) {
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(end - a.begin());
}

// Of words that are not the same.
uint8_t likeness_of_forms(std::u32string_view word, std::u32string_view term) {
  const size_t shared = shared_start(word, term);
  if (shared == word.size() && shared >= kShortestStart)
    return term.size() - shared <= kShortEnding ? kEnding : kForm;
  const size_t word_rest = word.size() - shared;
  const size_t term_rest = term.size() - shared;
  const bool same_stem = shared >= kStem && 3 * shared >= 2 * std::min(word.size(), term.size());
  if (same_stem && word_rest <= kShortEnding && term_rest <= kShortEnding) return kForm;
  return 0;
}

uint8_t likeness_by_slips(const FuzzyKey::Word& word, const PlainTerm& term) {
  const std::u32string_view a = word.text;
  const std::u32string_view b = term.text();
  const size_t longer = std::max(a.size(), b.size());
  if (word.slips == 0 || longer - std::min(a.size(), b.size()) > word.slips || longer > kComparedChars)
    return 0;
  if (b.size() + word.slips < kOneSlip) return 0;
  // Each slip changes two letters at most.
  const auto others = static_cast<size_t>(std::popcount(word.letters ^ term.letters()));
  if (others > 2 * word.slips || std::any_of(b.begin(), b.end(), is_digit)) return 0;
  const size_t slips = slips_between(a, b, word.slips);
  return slips > word.slips ? 0 : slips == 1 ? kSlip : kSlips;
}

void note_restarts(FuzzyKey::Word& word) {
  word.restarts.assign(word.pieces.size() + 1, 0);
  size_t fits = 0;
  for (size_t i = 1; i < word.pieces.size(); i++) {
    while (fits > 0 && word.pieces[i] != word.pieces[fits]) fits = word.restarts[fits];
    if (word.pieces[i] == word.pieces[fits]) fits++;
    word.restarts[i + 1] = fits;
  }
}

FuzzyKey::Word word_of(FuzzyKey::Kind kind, std::string_view folded) {
  FuzzyKey::Word word;
  word.kind = kind;
  message::append_plain_letters(folded, word.text);
  word.letters = letters_of(word.text);
  return word;
}

FuzzyKey::Word similar_word(NeedleRun run) {
  FuzzyKey::Word word = word_of(FuzzyKey::Kind::similar, run.text);
  const bool digits = std::any_of(word.text.begin(), word.text.end(), is_digit);
  const size_t chars = word.text.size();
  word.slips = digits || chars < kOneSlip ? 0 : chars < kTwoSlips ? 1 : 2;
  word.cut = is_cut(run.text);
  if (word.cut || chars >= kShortestInside) word.pieces = std::move(run.pieces);
  note_restarts(word);
  return word;
}

}  // namespace

FuzzyKey::FuzzyKey(std::string_view key) {
  for (NeedleRun& run : parse_needle(key).runs) {
    if (run.run == Run::word) {
      words_.push_back(similar_word(std::move(run)));
    } else if (run.pieces.empty()) {
      words_.push_back(word_of(Kind::inside, run.text));
    } else {
      for (const std::string& piece : run.pieces) words_.push_back(word_of(Kind::whole, piece));
    }
  }
  // A mark by itself is no word.
  std::erase_if(words_, [](const Word& word) { return word.text.empty(); });
  if (words_.size() > kFuzzyWords) words_.resize(kFuzzyWords);
}

uint8_t FuzzyKey::score(const uint8_t* marks) const {
  size_t sum = 0;
  size_t found = 0;
  for (size_t i = 0; i < words_.size(); i++) {
    sum += marks[i];
    found += marks[i] > 0 ? 1 : 0;
  }
  const size_t all = words_.size();
  const size_t needed = all <= 2 ? all : (2 * all + 2) / 3;
  if (all == 0 || found < needed) return 0;
  return static_cast<uint8_t>(std::clamp<size_t>((sum + all / 2) / all, 1, 100));
}

void PlainTerm::set(std::string_view term) {
  text_.clear();
  message::append_plain_letters(term, text_);
  letters_ = letters_of(text_);
}

uint8_t likeness(const FuzzyKey::Word& word, const PlainTerm& term) {
  const std::u32string_view text = term.text();
  if (text == word.text) return kSame;
  if (word.kind == FuzzyKey::Kind::whole || text.empty()) return 0;
  if (word.kind == FuzzyKey::Kind::inside) return text.find(word.text) == text.npos ? 0 : kSame;
  if (const uint8_t form = likeness_of_forms(word.text, text); form > 0) return form;
  const bool may_be_inside = word.text.size() >= kShortestInside && text.size() > word.text.size() &&
                             (word.letters & ~term.letters()) == 0;
  if (may_be_inside && text.find(word.text) != text.npos) return kInside;
  return likeness_by_slips(word, term);
}

uint8_t likeness_of_pieces(const FuzzyKey::Word& word) {
  return word.cut ? kSame : kInside;
}

uint8_t weigh(uint8_t mark, Field field, bool several) {
  unsigned worth = !several || field == Field::subject ? 100 : field == Field::header ? 85 : 70;
  if (field == Field::documents) worth = several ? 55 : 80;
  return static_cast<uint8_t>((mark * worth + 99) / 100);
}

FuzzyTexts::FuzzyTexts(const std::vector<Key>& keys) : tokenizer_(*this) {
  for (const Key& key : keys) {
    const size_t words = key.key->words().size();
    found_.push_back({key, std::vector<uint8_t>(words), std::vector<size_t>(words)});
  }
}

void FuzzyTexts::word(std::string_view term) {
  plain_.set(term);
  for (Found& found : found_) {
    const std::vector<FuzzyKey::Word>& words = found.key.key->words();
    std::fill(found.pieces.begin(), found.pieces.end(), 0);
    if (!takes(found)) continue;
    for (size_t i = 0; i < words.size(); i++) {
      const uint8_t mark = weigh(likeness(words[i], plain_), field_, !found.key.body_only);
      found.marks[i] = std::max(found.marks[i], mark);
    }
  }
}

void FuzzyTexts::gram(std::string_view term) {
  for (Found& found : found_) {
    const std::vector<FuzzyKey::Word>& words = found.key.key->words();
    for (size_t i = 0; i < words.size() && takes(found); i++) {
      const std::vector<std::string>& pieces = words[i].pieces;
      if (pieces.empty()) continue;
      size_t& fits = found.pieces[i];
      while (fits > 0 && (fits == pieces.size() || pieces[fits] != term)) fits = words[i].restarts[fits];
      if (pieces[fits] == term) fits++;
      if (fits < pieces.size()) continue;
      const uint8_t mark = weigh(likeness_of_pieces(words[i]), field_, !found.key.body_only);
      found.marks[i] = std::max(found.marks[i], mark);
    }
  }
}

uint8_t FuzzyTexts::score(size_t key) const {
  return found_[key].key.key->score(found_[key].marks.data());
}

bool FuzzyTexts::all_found() const {
  for (size_t i = 0; i < found_.size(); i++) {
    if (score(i) == 0) return false;
  }
  return true;
}

uint8_t fuzzy_score(const std::shared_ptr<const FuzzyKey>& key, const std::vector<std::string>& texts) {
  FuzzyTexts found({{key, true}});
  for (const std::string& text : texts) {
    found.feed(text);
    found.end_text();
  }
  return found.score(0);
}

}  // namespace posthouse::search
