#include "message/html_text.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxHeld = 32;

constexpr std::array<std::string_view, 4> kLeftOut = {"style", "script", "head", "title"};
// Elements inside a line: their tags part no words.
constexpr std::array<std::string_view, 14> kInLine = {"a", "abbr",  "b",    "big",    "code", "em",  "font",
                                                      "i", "small", "span", "strong", "sub",  "sup", "u"};

struct Entity {
  std::string_view name;
  char32_t character;
};
constexpr std::array<Entity, 36> kEntities = {
    {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
     {"nbsp", 0xA0},    {"shy", 0xAD},     {"copy", 0xA9},    {"reg", 0xAE},      {"deg", 0xB0},
     {"sect", 0xA7},    {"middot", 0xB7},  {"laquo", 0xAB},   {"raquo", 0xBB},    {"auml", 0xE4},
     {"ouml", 0xF6},    {"uuml", 0xFC},    {"Auml", 0xC4},    {"Ouml", 0xD6},     {"Uuml", 0xDC},
     {"szlig", 0xDF},   {"eacute", 0xE9},  {"egrave", 0xE8},  {"agrave", 0xE0},   {"ccedil", 0xE7},
     {"euro", 0x20AC},  {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019},
     {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bull", 0x2022},  {"hellip", 0x2026}, {"zwnj", 0x200C},
     {"zwj", 0x200D}}};

bool among(std::string_view name, const auto& names) {
  for (auto n : names) {
    if (n == name) return true;
  }
  return false;
}

// "&#233;" and "&#xE9;", the ampersand and the semicolon taken off.
std::optional<char32_t> numeric(std::string_view entity) {
  entity.remove_prefix(1);
  const bool hex = entity.starts_with('x') || entity.starts_with('X');
  if (hex) entity.remove_prefix(1);
  if (entity.empty() || entity.size() > 7) return std::nullopt;
  char32_t value = 0;
  for (char c : entity) {
    const char lower = ascii_lower(c);
    const bool letter = hex && lower >= 'a' && lower <= 'f';
    if (!is_digit(c) && !letter) return std::nullopt;
    value = value * (hex ? 16 : 10) + static_cast<char32_t>(letter ? lower - 'a' + 10 : c - '0');
  }
  if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return 0xFFFD;
  return value;
}

std::optional<char32_t> entity_character(std::string_view entity) {
  if (entity.starts_with('#')) return numeric(entity);
  for (const auto& known : kEntities) {
    if (known.name == entity) return known.character;
  }
  return std::nullopt;
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

static bool ends_tag_text(char c) {
  return c == '>' || c == '"' || c == '\'';
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
      return static_cast<size_t>(std::find_if(html.begin(), html.end(), ends_tag_text) - html.begin());
    case State::quoted:
      return std::min(html.find(quote_), html.size());
    case State::comment: {
      const size_t n = std::min(html.find('-'), html.size());
      if (n > 0 && html[0] != '>') dashes_ = 0;
      return n > 0 && html[0] == '>' ? 0 : n;
    }
    default:
      return 0;
  }
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
    case State::tag:
      if (c == '"' || c == '\'') {
        state_ = State::quoted;
        quote_ = c;
      } else if (c == '>') {
        state_ = State::text;
      }
      return;
    case State::quoted:
      if (c == quote_) state_ = State::tag;
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
  take(c, out);
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
  const auto character = entity_character(held_);
  std::string text = character ? "" : "&" + held_;
  if (character) append_utf8(text, *character);
  emit(text, out);
  return character.has_value();
}

}  // namespace posthouse::message
