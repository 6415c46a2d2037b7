#include "message/flowed_text.h"

#include "base/ascii.h"
#include "message/content_field.h"
#include "message/limits.h"
#include "message/scan.h"

namespace posthouse::message {
namespace {

constexpr std::string_view kSignature = "-- ";

bool is_inside_line(std::string_view text, size_t at) {
  const char c = text[at];
  if (c != ' ') return c != '\r' && c != '\n';
  if (at == 0 || at + 1 == text.size()) return false;
  const char next = text[at + 1];
  return next != ' ' && next != '\r' && next != '\n';
}

}  // namespace

bool is_flowed(const Part& part) {
  return iequals(part.type, "text") && iequals(part.subtype, "plain") &&
         iequals(find_parameter(part.parameters, "format"), "flowed");
}

bool deletes_spaces(const Part& part) {
  return iequals(find_parameter(part.parameters, "delsp"), "yes");
}

void FlowedText::feed(std::string_view text, std::string& out) {
  out.reserve(out.size() + text.size());
  while (!text.empty()) {
    if (at_ == At::content && !can_be_signature_ && !after_cr_) {
      // Words, and the single blanks between them, that are no end of a line.
      size_t words = text[0] == ' ' ? 0 : printable_run(text);
      if (words > 0 && text[words - 1] == ' ') --words;
      while (words < text.size() && is_inside_line(text, words)) ++words;
      if (words > 0 && std::exchange(space_held_, false)) out += ' ';
      out.append(text.substr(0, words));
      text.remove_prefix(words);
      if (text.empty()) return;
    }
    const char c = text[0];
    text.remove_prefix(1);
    // The CR of a CRLF is no text; one alone is.
    if (std::exchange(after_cr_, false) && c != '\n') take('\r', out);
    if (c == '\r') {
      after_cr_ = true;
    } else {
      take(c, out);
    }
  }
}

void FlowedText::finish(std::string& out) {
  if (std::exchange(after_cr_, false)) take('\r', out);
  const bool has_line = at_ != At::quote || depth_ > 0;
  if (has_line) end_line(out);
  if (std::exchange(goes_on_, false)) out += '\n';
}

void FlowedText::take(char c, std::string& out) {
  if (c == '\n') return end_line(out);
  if (at_ == At::quote && c == '>' && depth_ < limits::kQuoteDepth) {
    ++depth_;
    return;
  }
  if (at_ == At::quote) {
    at_ = At::content;
    if (c == ' ') return;  // stuffed
  }
  take_content(c, out);
}

void FlowedText::take_content(char c, std::string& out) {
  if (can_be_signature_ && start_.empty() && c != kSignature[0]) {
    can_be_signature_ = false;
    begin_content(out);
  } else if (can_be_signature_) {
    start_ += c;
    if (kSignature.starts_with(start_)) return;
    can_be_signature_ = false;
    begin_content(out);
    const std::string start = std::exchange(start_, {});
    for (char s : start) take_content(s, out);
    return;
  }
  if (std::exchange(space_held_, false)) out += ' ';
  if (c == ' ') {
    space_held_ = true;
  } else {
    out += c;
  }
}

// A paragraph goes on only in a line that is quoted as deep (RFC 3676 section 4.5).
void FlowedText::begin_content(std::string& out) {
  if (goes_on_ && depth_ == paragraph_depth_) return;
  if (goes_on_) out += '\n';
  out.append(depth_, '>');
  if (depth_ > 0) out += ' ';
  goes_on_ = false;
}

void FlowedText::end_line(std::string& out) {
  // The signature's line is neither flowed nor part of a paragraph (section 4.3).
  const bool signature = can_be_signature_ && start_ == kSignature;
  if (can_be_signature_) {
    if (signature && goes_on_) {
      out += '\n';
      goes_on_ = false;
    }
    begin_content(out);
    can_be_signature_ = false;
    if (signature) {
      out += kSignature;
    } else {
      for (char c : std::exchange(start_, {})) take_content(c, out);
    }
  }
  goes_on_ = std::exchange(space_held_, false);
  paragraph_depth_ = depth_;
  if (goes_on_ && !delete_spaces_) out += ' ';
  if (!goes_on_) out += '\n';
  start_.clear();
  can_be_signature_ = true;
  at_ = At::quote;
  depth_ = 0;
}

}  // namespace posthouse::message
