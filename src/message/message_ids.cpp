#include "message/message_ids.h"

#include <array>

#include "base/ascii.h"
#include "message/lexical.h"
#include "message/limits.h"

namespace posthouse::message {
namespace {

// What an identifier has between its brackets, but for quotes, comments and blanks.
constexpr auto kPlain = [] {
  std::array<bool, 256> table{};
  table.fill(true);
  for (char c : std::string_view("<>\"( \t\r\n\0", 9)) table[static_cast<unsigned char>(c)] = false;
  return table;
}();

class IdReader {
 public:
  IdReader(std::string_view text, bool keeps_quotes) : text_(text), keeps_quotes_(keeps_quotes) {}

  std::vector<std::string> read() {
    std::vector<std::string> ids;
    while (at_ < text_.size() && ids.size() < limits::kMessageIds) {
      const char c = text_[at_];
      if (c == '<') {
        ++at_;
        if (auto id = read_id(); !id.empty()) ids.push_back(std::move(id));
      } else if (c == '(') {
        skip_comment();
      } else if (c == '"') {
        std::string phrase;
        take_quoted(phrase);
      } else {
        ++at_;
      }
    }
    return ids;
  }

 private:
  static bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

  // Behind "<", to behind ">". Another "<" begins anew. Quotes around nothing are no identifier.
  std::string read_id() {
    std::string id;
    bool only_quotes = true;
    while (at_ < text_.size() && text_[at_] != '<') {
      const char c = text_[at_];
      if (c == '>') {
        ++at_;
        if (only_quotes) id.clear();
        return id;
      }
      if (c == '"') {
        const size_t begin = at_;
        std::string quoted;
        take_quoted(quoted);
        only_quotes = only_quotes && quoted.empty();
        id += keeps_quotes_ && at_ > begin + 1 ? text_.substr(begin, at_ - begin) : quoted;
      } else if (c == '(') {
        skip_comment();
      } else {
        if (is_blank(c)) {
          ++at_;
          continue;
        }
        const std::string_view rest = text_.substr(at_);
        size_t n = 0;
        while (n < rest.size() && is_plain(rest[n])) ++n;
        only_quotes = false;
        id.append(rest.substr(0, n));
        at_ += n;
      }
    }
    if (id.find('@') == std::string::npos) id.clear();  // the bracket is missing
    return id;
  }

  // One that is never closed is no quoted string, and no other can be.
  void take_quoted(std::string& out) {
    const size_t kept = out.size();
    for (size_t i = at_ + 1; i < text_.size() && !quotes_broken_; ++i) {
      if (text_[i] == '"') {
        at_ = i + 1;
        return;
      }
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
      if (text_[i] != '\r' && text_[i] != '\n' && text_[i] != '\0') out += text_[i];
    }
    out.resize(kept);
    quotes_broken_ = true;
    ++at_;
  }

  void skip_comment() {
    const auto end = comments_broken_ ? std::nullopt : comment_end(text_, at_);
    comments_broken_ = !end;
    at_ = end.value_or(at_ + 1);
  }

  std::string_view text_;
  bool keeps_quotes_;
  size_t at_ = 0;
  bool quotes_broken_ = false, comments_broken_ = false;
};

std::vector<std::string> parse(std::string_view value, bool keeps_quotes) {
  auto ids = IdReader(value, keeps_quotes).read();
  if (!ids.empty() || value.find('<') != std::string_view::npos) return ids;
  auto word = trim(value);
  while (word.ends_with('>')) word.remove_suffix(1);
  if (word.find('@') == std::string_view::npos) return ids;
  for (char c : word) {
    if (is_blank(c)) return ids;
  }
  ids.emplace_back(word);
  return ids;
}

}  // namespace

std::vector<std::string> parse_message_ids(std::string_view value) {
  return parse(value, false);
}

std::vector<std::string> parse_message_ids_as_written(std::string_view value) {
  return parse(value, true);
}

}  // namespace posthouse::message
