#include "message/html_text.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "message/character_reference.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxHeld = 32;

constexpr std::array<std::string_view, 4> kLeftOut = {"style", "script", "head", "title"};
// Elements inside a line: their tags part no words.
constexpr std::array<std::string_view, 14> kInLine = {"a", "abbr",  "b",    "big",    "code", "em",  "font",
                                                      "i", "small", "span", "strong", "sub",  "sup", "u"};

bool among(std::string_view name, const auto& names) {
  for (auto n : names) {
    if (n == name) return true;
  }
  return false;
}

}  // namespace

void HtmlText::feed(std::string_view html, std::string& out) {
  while (!html.empty()) {
    html.remove_prefix(pass(html, out));
    if (html.empty()) return;
    take(html[0], out);
    html.remove_prefix(1);
  }
}

// As much at the start of `html` as changes no state.
size_t HtmlText::pass(std::string_view html, std::string& out) {
  switch (state_) {
    case State::text: {
      if (!left_out_.empty()) return std::min(html.find('<'), html.size());
      size_t n = 0;
      while (n < html.size() && html[n] != '<' && html[n] != '&') ++n;
      out.append(html.substr(0, n));
      return n;
    }
    case State::tag:
      return pass_tag(html);
    case State::comment: {
      const size_t n = std::min(html.find('-'), html.size());
      if (n > 0 && html[0] != '>') dashes_ = 0;
      return n > 0 && html[0] == '>' ? 0 : n;
    }
    default:
      return 0;
  }
}

size_t HtmlText::pass_tag(std::string_view html) {
  bool ends = false;
  const size_t n = tag_.pass(html, ends);
  if (ends) state_ = State::text;
  return n;
}

void HtmlText::finish(std::string& out) {
  if (state_ == State::entity) end_entity(out);
  state_ = State::text;
  held_.clear();
}

void HtmlText::take(char c, std::string& out) {
  switch (state_) {
    case State::text:
      if (c == '<' || c == '&') {
        state_ = c == '<' ? State::tag_name : State::entity;
        held_.clear();
      } else {
        emit(std::string_view(&c, 1), out);
      }
      return;
    case State::entity:
      if (c != ';' && (is_alnum(c) || c == '#') && held_.size() < kMaxHeld) {
        held_ += c;
        return;
      }
      if (!end_entity(out) || c != ';') take(c, out);
      return;
    case State::tag_name:
      return begin_tag(c, out);
    case State::tag:  // see pass()
      return;
    case State::comment:
      if (c == '>' && dashes_ >= 2) state_ = State::text;
      dashes_ = c == '-' ? dashes_ + 1 : 0;
      return;
  }
}

// Behind "<". What begins no name is text.
void HtmlText::begin_tag(char c, std::string& out) {
  const bool name = is_alnum(c) || c == '/' || c == '!' || c == '?' || (c == '-' && !held_.empty());
  if (name && held_.size() < kMaxHeld) {
    held_ += ascii_lower(c);
    if (held_ == "!--") {
      state_ = State::comment;
      dashes_ = 0;
    }
    return;
  }
  if (held_.empty()) {
    state_ = State::text;
    emit("<", out);
    return take(c, out);
  }
  end_tag_name(out);
  state_ = State::tag;
  tag_ = TagRest();
  pass_tag(std::string_view(&c, 1));
}

void HtmlText::end_tag_name(std::string& out) {
  const std::string_view tag = held_;
  const bool closes = tag.starts_with('/');
  const auto name = tag.substr(closes ? 1 : 0);
  if (!left_out_.empty()) {
    if (closes && name == left_out_) left_out_.clear();
  } else if (!closes && among(name, kLeftOut)) {
    left_out_ = name;
  } else if (!among(name, kInLine)) {
    emit(" ", out);
  }
}

// Whether it is one; else it stays as it is.
bool HtmlText::end_entity(std::string& out) {
  state_ = State::text;
  const auto character = character_reference(held_);
  std::string text = character ? "" : "&" + held_;
  if (character) append_utf8(text, *character);
  emit(text, out);
  return character.has_value();
}

}  // namespace posthouse::message
