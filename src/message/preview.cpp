#include "message/preview.h"

#include "base/ascii.h"
#include "message/body_lists.h"
#include "message/limits.h"
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
  const BodyLists lists = body_lists(root);
  const Part* html = nullptr;
  for (const Part* part : lists.text) {
    if (!is_text_part(*part)) continue;
    if (iequals(part->subtype, "plain")) return part;
    if (html == nullptr) html = part;
  }
  return html;
}

Preview::Preview(const Part& part)
    : decoder_(part),
      flowed_(deletes_spaces(part)),
      is_html_(iequals(part.subtype, "html")),
      is_flowed_(is_flowed(part)) {}

void Preview::Line::add(std::string_view character) {
  if (characters >= limits::kPreview) return;
  if (std::exchange(blank_due, false)) {
    text += ' ';
    if (++characters >= limits::kPreview) return;
  }
  text.append(character);
  ++characters;
}

void Preview::feed(std::string_view raw) {
  if (done_) return;
  raw = raw.substr(0, limits::kPreviewRead - read_);
  read_ += raw.size();
  std::string text;
  decoder_.feed(raw, text);
  take(text);
  if (read_ >= limits::kPreviewRead) done_ = true;
}

void Preview::take(std::string_view utf8) {
  std::string plain;
  if (is_html_) {
    html_.feed(utf8, plain);
    utf8 = plain;
  } else if (is_flowed_) {
    flowed_.feed(utf8, plain);
    utf8 = plain;
  }
  for_each_character(utf8, [this](std::string_view character) { take_character(character); });
}

// The first characters of a line tell whether it is quoted, or begins the signature; HTML has no such lines.
void Preview::take_character(std::string_view character) {
  if (done_) return;
  if (is_html_ || line_known_) return show(character);
  if (character == "\r") return;
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
