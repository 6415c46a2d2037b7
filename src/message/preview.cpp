#include "message/preview.h"

#include <array>

#include "base/ascii.h"
#include "message/body_lists.h"
#include "message/limits.h"
#include "message/scan.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// What mailers put into HTML to keep the rest out of previews: no width, no meaning here.
bool is_invisible(char32_t c) {
  return c < ' ' || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x34F || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

bool is_space(char32_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

constexpr auto kGraphic = [] {
  std::array<bool, 256> table{};
  for (size_t c = '!'; c < 127; ++c) table[c] = true;
  return table;
}();

constexpr size_t kStep = 320;  // octets
constexpr std::string_view kSignatureLine = "-- \n";

void for_each_character(std::string_view utf8, const auto& action) {
  while (!utf8.empty()) {
    const size_t n = std::max<size_t>(1, utf8_sequence(utf8));
    action(utf8.substr(0, n));
    utf8.remove_prefix(n);
  }
}

}  // namespace

const Part* preview_part(const Part& root) {
  for (const Part* part : body_lists(root).text) {
    if (is_text_part(*part)) return part;
  }
  return nullptr;
}

Preview::Preview(const Part& part)
    : decoder_(part),
      is_html_(iequals(part.subtype, "html")),
      is_flowed_(!is_html_ && is_flowed(part)),
      flowed_(is_flowed_ && deletes_spaces(part)) {
  own_.text.reserve(limits::kPreview);
}

void Preview::Line::add(std::string_view character) {
  if (characters >= limits::kPreview) return;
  if (std::exchange(blank_due, false)) {
    text += ' ';
    if (++characters >= limits::kPreview) return;
  }
  text.append(character);
  ++characters;
}

void Preview::Line::add_words(std::string_view ascii) {
  if (characters >= limits::kPreview) return;
  if (std::exchange(blank_due, false)) {
    text += ' ';
    if (++characters >= limits::kPreview) return;
  }
  ascii = ascii.substr(0, limits::kPreview - characters);
  text.append(ascii);
  characters += ascii.size();
}

// In small steps: most texts have more than is looked at.
void Preview::feed(std::string_view raw) {
  while (!done_ && !raw.empty()) {
    const auto piece = raw.substr(0, std::min(kStep, limits::kPreviewRead - read_));
    raw.remove_prefix(piece.size());
    read_ += piece.size();
    decoded_.clear();
    decoder_.feed(piece, decoded_);
    take(decoded_);
    if (read_ >= limits::kPreviewRead) done_ = true;
  }
}

void Preview::take(std::string_view utf8) {
  if (is_html_ || is_flowed_) {
    plain_.clear();
    is_html_ ? html_.feed(utf8, plain_) : flowed_.feed(utf8, plain_);
    utf8 = plain_;
  }
  while (!utf8.empty() && !done_) {
    const size_t word = plain_words(utf8);
    if (word > 0) {
      utf8.remove_prefix(word);
      continue;
    }
    const size_t n = std::max<size_t>(1, utf8_sequence(utf8));
    take_character(utf8.substr(0, n));
    utf8.remove_prefix(n);
  }
}

// The short way for words of ASCII, single blanks between them, in the middle of a line: how much of the text
// they were.
size_t Preview::plain_words(std::string_view utf8) {
  if (!is_html_ && !line_known_) return 0;
  utf8 = utf8.substr(0, limits::kPreview);
  const auto is_graphic = [&](size_t i) { return kGraphic[static_cast<unsigned char>(utf8[i])]; };
  if (utf8.empty() || !is_graphic(0)) return 0;
  size_t n = printable_run(utf8);
  if (n > 0 && utf8[n - 1] == ' ') --n;
  while (true) {
    while (n < utf8.size() && is_graphic(n)) ++n;
    if (n + 1 >= utf8.size() || utf8[n] != ' ' || !is_graphic(n + 1)) break;
    n += 2;
  }
  Line& line = quoted_line_ ? quoted_ : own_;
  line.add_words(utf8.substr(0, n));
  if (own_.characters >= limits::kPreview) done_ = true;
  return n;
}

// The first characters of a line tell whether it is quoted, or begins the signature; HTML has no such lines.
void Preview::take_character(std::string_view character) {
  if (done_) return;
  if (is_html_ || line_known_) return show(character);
  if (character == "\r") return;
  if (start_.empty() && character != "-") {
    line_known_ = true;
    quoted_line_ = character == ">";
    return show(character);
  }
  start_.append(character);
  if (start_ == kSignatureLine) {
    start_.clear();
    done_ = true;
  } else if (!kSignatureLine.starts_with(start_)) {
    begin_line();
  }
}

void Preview::begin_line() {
  line_known_ = true;
  quoted_line_ = start_.starts_with('>');
  for_each_character(std::exchange(start_, {}), [this](std::string_view character) { show(character); });
}

void Preview::show(std::string_view character) {
  Line& line = quoted_line_ ? quoted_ : own_;
  if (character.size() == 1 && kGraphic[static_cast<unsigned char>(character[0])]) {
    line.add_words(character);
    if (own_.characters >= limits::kPreview) done_ = true;
    return;
  }
  const char32_t code = utf8_code_point(character);
  if (is_space(code)) {
    line.add_blank();
  } else if (!is_invisible(code)) {
    line.add(character);
  }
  if (character == "\n") line_known_ = quoted_line_ = false;
  if (own_.characters >= limits::kPreview) done_ = true;
}

std::string Preview::finish() {
  std::string text;
  if (!done_) decoder_.finish(text);
  take(text);
  text.clear();
  if (is_html_) html_.finish(text);
  if (is_flowed_) flowed_.finish(text);
  for_each_character(text, [this](std::string_view character) { take_character(character); });
  if (!done_ && !kSignatureLine.starts_with(start_ + "\n")) begin_line();
  done_ = true;
  return std::move(own_.text.empty() ? quoted_.text : own_.text);
}

}  // namespace posthouse::message
