#include "search/terms.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "message/unicode_text.h"
#include "search/limits.h"

namespace posthouse::search {

namespace {

struct CodeRange {
  char32_t first, last;
};

// Signs, spaces and punctuation beyond ASCII. Others count as letters: that costs terms, but finds the same.
constexpr CodeRange kBetween[] = {{0x80, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},
                                  {0x2000, 0x206F}, {0x2190, 0x2BFF}, {0x3000, 0x303F},
                                  {0xFE30, 0xFE6F}, {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFF}};

// Thai, Lao, Tibetan, Myanmar, Khmer; kana and ideographs.
constexpr CodeRange kUnspaced[] = {{0x0E00, 0x0FFF}, {0x1000, 0x109F}, {0x1780, 0x17FF},  {0x2E80, 0x2FFF},
                                   {0x3040, 0xA4CF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};

template <size_t N>
bool is_in(const CodeRange (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const CodeRange& range) { return range.first <= c && c <= range.last; });
}

bool is_ascii_word(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr std::array<Run, 128> kAscii = [] {
  std::array<Run, 128> runs{};
  for (size_t c = 0; c < runs.size(); c++) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    runs[c] = word ? Run::word : Run::between;
  }
  return runs;
}();

bool is_digit(std::string_view c) {
  return c.front() >= '0' && c.front() <= '9';
}

bool is_cut(size_t chars, size_t bytes, bool digits) {
  return chars > kWordChars || bytes > kWordBytes || (digits && chars > kDigitWordChars);
}

// The length of the character in front; what is no UTF-8 counts by octets, which folded text does not have.
size_t char_size(std::string_view text) {
  return std::max<size_t>(1, utf8_sequence(text));
}

// Calls `piece` with all overlapping pieces of `n` characters.
template <class Piece>
void each_piece(std::string_view text, size_t n, Piece piece) {
  std::vector<size_t> begins;  // of the last characters
  for (size_t at = 0; at < text.size();) {
    begins.push_back(at);
    at += char_size(text.substr(at));
    if (begins.size() > n) begins.erase(begins.begin());
    if (begins.size() == n) piece(text.substr(begins.front(), at - begins.front()));
  }
}

}  // namespace

Run run_of(char32_t c) {
  if (c < 0x80) return kAscii[c];
  if (is_in(kBetween, c)) return Run::between;
  return c >= 0x0E00 && is_in(kUnspaced, c) ? Run::unspaced : Run::word;
}

void Tokenizer::feed(std::string_view utf8) {
  folded_.clear();
  folder_.feed(utf8, folded_);
  take(folded_);
}

void Tokenizer::end_text() {
  folded_.clear();
  folder_.finish(folded_);
  take(folded_);
  end_run();
}

void Tokenizer::take(std::string_view folded) {
  for (size_t at = 0; at < folded.size();) {
    const auto lead = static_cast<unsigned char>(folded[at]);
    if (lead < 0x80) {
      // Most text: a word of ASCII as a whole.
      size_t end = at;
      bool digits = false;
      while (end < folded.size() && is_ascii_word(static_cast<unsigned char>(folded[end]))) {
        digits |= folded[end] <= '9';
        end++;
      }
      if (end == at) {
        end_run();
        at++;
        continue;
      }
      if (run_ == Run::unspaced) end_run();
      if (!cutting_ && chars_ + (end - at) <= kWordChars) {
        run_ = Run::word;
        token_.append(folded, at, end - at);
        chars_ += end - at;
        digits_ |= digits;
      } else {
        for (size_t i = at; i < end; i++) take_char(folded.substr(i, 1), Run::word);
      }
      at = end;
      continue;
    }
    const std::string_view c = folded.substr(at, char_size(folded.substr(at)));
    take_char(c, c.size() == 1 ? Run::word : run_of(utf8_code_point(c)));
    at += c.size();
  }
}

void Tokenizer::take_char(std::string_view c, Run run) {
  if (run != run_) end_run();
  run_ = run;
  if (run == Run::word) take_in_word(c);
  if (run == Run::unspaced) take_unspaced(c);
}

void Tokenizer::take_in_word(std::string_view c) {
  chars_++;
  digits_ |= is_digit(c);
  token_ += c;
  if (!cutting_ && !is_cut(chars_, token_.size(), false)) return;
  cut(token_);
  cutting_ = true;
  // The last two characters begin the next piece.
  size_t keep = token_.size();
  for (size_t n = 1; n < kGram && keep > 0; n++) {
    do keep--;
    while (keep > 0 && (static_cast<unsigned char>(token_[keep]) & 0xC0) == 0x80);
  }
  token_.erase(0, keep);
}

void Tokenizer::take_unspaced(std::string_view c) {
  chars_++;
  token_ += c;
  if (chars_ == 1) return;
  sink_.word(token_);
  token_ = c;
}

void Tokenizer::cut(std::string_view token) {
  each_piece(token, kGram, [this](std::string_view piece) { sink_.gram(piece); });
}

void Tokenizer::end_run() {
  if (run_ == Run::unspaced && chars_ == 1) sink_.word(token_);
  if (run_ == Run::word && !cutting_) {
    if (is_cut(chars_, token_.size(), digits_)) {
      cut(token_);
    } else {
      sink_.word(token_);
    }
  }
  run_ = Run::between;
  token_.clear();
  chars_ = 0;
  digits_ = false;
  cutting_ = false;
}

bool is_cut(std::string_view word) {
  size_t chars = 0;
  bool digits = false;
  for (size_t at = 0; at < word.size(); chars++) {
    const std::string_view c = word.substr(at, char_size(word.substr(at)));
    digits |= is_digit(c);
    at += c.size();
  }
  return is_cut(chars, word.size(), digits);
}

Needle parse_needle(std::string_view key) {
  Needle needle;
  const std::string folded = message::casemap(key);
  bool any_between = false;
  Run last = Run::between;
  for (size_t at = 0; at < folded.size();) {
    const std::string_view c =
        std::string_view(folded).substr(at, char_size(std::string_view(folded).substr(at)));
    const Run run = c.size() == 1 && static_cast<unsigned char>(c.front()) >= 0x80
                        ? Run::word
                        : run_of(utf8_code_point(c));
    any_between |= run == Run::between;
    if (run != last) {
      if (last != Run::between) needle.runs.back().ends = true;
      if (run != Run::between) {
        needle.runs.emplace_back();
        needle.runs.back().run = run;
        needle.runs.back().begins = at > 0;
      }
    }
    last = run;
    if (run != Run::between) {
      needle.runs.back().text += c;
      needle.runs.back().chars++;
    }
    at += c.size();
  }
  needle.single = needle.runs.size() == 1 && !any_between;
  if (needle.runs.size() > kNeedleRuns) needle.runs.resize(kNeedleRuns);
  for (NeedleRun& run : needle.runs) {
    each_piece(run.text, run.run == Run::word ? kGram : 2,
               [&run](std::string_view piece) { run.pieces.emplace_back(piece); });
  }
  return needle;
}

}  // namespace posthouse::search
