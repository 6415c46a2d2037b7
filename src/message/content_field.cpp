#include "message/content_field.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "message/lexical.h"
#include "message/limits.h"

namespace posthouse::message {
namespace {

class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  ContentField read() {
    ContentField field;
    read_value(field.value);
    while (at_ < text_.size()) {
      ++at_;  // the semicolon
      skip_blanks();
      read_parameter(field);
    }
    return field;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (text_[at_] == '(') {
        skip_comment();
      } else {
        return;
      }
    }
  }

  // Up to the semicolon. Blanks stand only around "/" and ","; what follows others is no part of the value.
  void read_value(std::string& value) {
    skip_blanks();
    while (at_ < text_.size() && text_[at_] != ';') {
      const size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != ';' && text_[at_] != '(' && !is_blank(text_[at_])) ++at_;
      value.append(text_.substr(begin, at_ - begin));
      if (at_ > begin) continue;
      skip_blanks();
      const bool joins = at_ < text_.size() && (text_[at_] == '/' || text_[at_] == ',');
      if (!joins && !value.ends_with('/') && !value.ends_with(',')) break;
    }
    while (at_ < text_.size() && text_[at_] != ';') ++at_;
  }

  // A comment that is never closed is passed over up to the next semicolon.
  void skip_comment() {
    const auto end = comments_broken_ ? std::nullopt : comment_end(text_, at_);
    comments_broken_ = !end;
    if (end) at_ = *end;
    while (!end && at_ < text_.size() && text_[at_] != ';') ++at_;
  }

  void read_parameter(ContentField& field) {
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '=' && text_[at_] != ';' && !is_blank(text_[at_])) ++at_;
    const auto name = text_.substr(begin, at_ - begin);
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != '=' || name.empty()) {
      while (at_ < text_.size() && text_[at_] != ';') ++at_;
      return;
    }
    ++at_;
    skip_blanks();
    std::string value;
    if (at_ >= text_.size() || text_[at_] != '"' || !take_quoted(value)) take_plain(value);
    while (at_ < text_.size() && text_[at_] != ';') ++at_;
    if (field.parameters.size() >= limits::kParameters || value.size() > limits::kParameterBytes ||
        name.size() > limits::kParameterBytes) {
      field.truncated = true;
      return;
    }
    if (field.parameters.empty()) field.parameters.reserve(4);
    field.parameters.emplace_back(name, std::move(value));
  }

  bool take_quoted(std::string& value) {
    if (!quotes_broken_) {
      for (size_t i = at_ + 1; i < text_.size(); ++i) {
        const char c = text_[i];
        if (c == '"') {
          at_ = i + 1;
          return true;
        }
        if (c == '\\' && i + 1 < text_.size() && !is_blank(text_[i + 1])) {
          value += text_[++i];
        } else if (c != '\r' && c != '\n' && c != '\0') {
          value += c;
        }
      }
      value.clear();
      quotes_broken_ = true;
    }
    ++at_;  // the quote that is never closed
    return false;
  }

  // Up to the semicolon or a comment, blanks off the ends.
  void take_plain(std::string& value) {
    while (at_ < text_.size() && text_[at_] != ';') {
      const char c = text_[at_];
      if (c == '(' && (value.empty() || is_wsp(value.back()))) break;
      if (c != '\r' && c != '\n' && c != '\0') value += c;
      ++at_;
    }
    while (!value.empty() && is_wsp(value.back())) value.pop_back();
  }

  std::string_view text_;
  size_t at_ = 0;
  bool quotes_broken_ = false, comments_broken_ = false;
};

// A parameter name taken apart: "name*3*" is name, 3, encoded.
struct Piece {
  std::string_view name;
  std::optional<uint64_t> index;
  bool encoded = false;
};

Piece take_apart(std::string_view name) {
  Piece piece;
  if (name.ends_with('*') && name.size() > 1) {
    piece.encoded = true;
    name.remove_suffix(1);
  }
  const size_t star = name.rfind('*');
  if (star != std::string_view::npos && star > 0) {
    piece.index = parse_uint(name.substr(star + 1));
    if (piece.index) name = name.substr(0, star);
  }
  piece.name = name;
  return piece;
}

void append_percent_encoded(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_alnum(c) || c == '.' || c == '-' || c == '_') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

// RFC 2231 section 3: pieces 0, 1, 2... of one name, in that order, up to the first gap. Some count from 1.
void join_pieces(const Parameters& all, const std::vector<Piece>& pieces, size_t first, ContentField& out) {
  std::vector<size_t> order;
  for (size_t i = first; i < all.size(); ++i) {
    if (pieces[i].index && iequals(pieces[i].name, pieces[first].name)) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(*pieces[a].index, a) < std::pair(*pieces[b].index, b);
  });
  bool encoded = false;
  for (size_t i : order) encoded |= pieces[i].encoded;
  std::string value;
  uint64_t expected = *pieces[order.front()].index;
  for (size_t i : order) {
    if (*pieces[i].index != expected) continue;
    ++expected;
    if (encoded && !pieces[i].encoded) {
      if (value.empty()) value = "''";  // no charset named
      append_percent_encoded(value, all[i].second);
    } else {
      value += all[i].second;
    }
  }
  if (value.size() > limits::kParameterBytes) {
    out.truncated = true;
    value.resize(limits::kParameterBytes);
  }
  out.parameters.emplace_back(std::string(pieces[first].name) + (encoded ? "*" : ""), std::move(value));
}

void join_continuations(ContentField& field) {
  const bool any = std::any_of(field.parameters.begin(), field.parameters.end(),
                               [](const auto& p) { return p.first.find('*') != std::string::npos; });
  if (!any) return;
  const Parameters all = std::move(field.parameters);
  field.parameters.clear();
  std::vector<Piece> pieces;
  pieces.reserve(all.size());
  for (const auto& [name, value] : all) pieces.push_back(take_apart(name));
  for (size_t i = 0; i < all.size(); ++i) {
    if (!pieces[i].index) {
      field.parameters.push_back(all[i]);
      continue;
    }
    bool seen = false;
    for (size_t j = 0; j < i && !seen; ++j) seen = pieces[j].index && iequals(pieces[j].name, pieces[i].name);
    if (!seen) join_pieces(all, pieces, i, field);
  }
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (c <= ' ' || c == 127 || std::string_view("()<>@,;:\\\"/[]?=").find(c) != std::string_view::npos)
      return false;
  }
  return !has_8bit(text);
}

}  // namespace

ContentField parse_content_field(std::string_view raw_value) {
  ContentField field = FieldReader(raw_value).read();
  join_continuations(field);
  return field;
}

bool split_media_type(std::string_view value, std::string& type, std::string& subtype) {
  const size_t slash = value.find('/');
  if (slash == std::string_view::npos) return false;
  const auto left = value.substr(0, slash);
  auto right = value.substr(slash + 1);
  right = right.substr(0, right.find(','));  // a list: the first counts
  if (!is_token(left) || !is_token(right)) return false;
  type = left;
  subtype = right;
  return true;
}

std::string_view find_parameter(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (iequals(key, name)) return value;
  }
  return {};
}

std::string parse_token(std::string_view raw_value) {
  std::string token = FieldReader(raw_value).read().value;
  if (token.size() > limits::kPreferredLine) token.clear();
  return token;
}

std::vector<std::string> parse_languages(std::string_view raw_value) {
  std::vector<std::string> out;
  const std::string list = FieldReader(raw_value).read().value;
  for (auto tag : split(list, ',')) {
    if (!tag.empty() && out.size() < limits::kLanguages) out.emplace_back(tag);
  }
  return out;
}

}  // namespace posthouse::message
