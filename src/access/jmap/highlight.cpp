#include "access/jmap/highlight.h"

#include <algorithm>

#include "base/utf8.h"
#include "message/unicode_text.h"

namespace posthouse::access::jmap {
namespace {

constexpr std::string_view kOpen = "<mark>", kClose = "</mark>";

struct Range {
  size_t begin, end;  // octets of the text
};

// The text as it is compared, and where in it each octet of that comes from.
struct Folded {
  std::string text;
  std::vector<size_t> from;
};

Folded fold(std::string_view text) {
  Folded out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::max<size_t>(1, utf8_sequence(text.substr(at)));
    const std::string folded = message::casemap(text.substr(at, length));
    out.text += folded;
    out.from.insert(out.from.end(), folded.size(), at);
    at += length;
  }
  out.from.push_back(text.size());
  return out;
}

// Rising, none within or beside another.
std::vector<Range> find_all(std::string_view text, const std::vector<std::string>& words) {
  const Folded folded = fold(text);
  std::vector<Range> found;
  for (const std::string& word : words) {
    const std::string key = message::casemap(word);
    if (key.empty()) continue;
    for (size_t at = 0; (at = folded.text.find(key, at)) != std::string::npos; at += key.size()) {
      size_t end = at + key.size();
      while (end < folded.text.size() && folded.from[end] == folded.from[end - 1]) ++end;
      found.push_back({folded.from[at], folded.from[end]});
    }
  }
  std::ranges::sort(found, {}, &Range::begin);
  std::vector<Range> out;
  for (const Range& one : found) {
    if (!out.empty() && one.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, one.end);
    } else {
      out.push_back(one);
    }
  }
  return out;
}

std::string_view escaped(std::string_view character) {
  if (character == "&") return "&amp;";
  if (character == "<") return "&lt;";
  if (character == ">") return "&gt;";
  return character;
}

// From `begin` on, as far as `most` octets go. A mark that is open is closed.
std::string write(std::string_view text, const std::vector<Range>& marks, size_t begin, size_t most) {
  std::string out;
  auto mark = std::ranges::find_if(marks, [&](const Range& one) { return one.end > begin; });
  bool open = false;
  for (size_t at = begin; at < text.size();) {
    const size_t length = std::max<size_t>(1, utf8_sequence(text.substr(at)));
    std::string next;
    const bool marked = mark != marks.end() && at >= mark->begin;
    if (marked && !open) next += kOpen;
    next += escaped(text.substr(at, length));
    if (out.size() + next.size() + (marked ? kClose.size() : 0) > most) break;
    out += next;
    open = marked;
    at += length;
    if (open && at >= mark->end) {
      out += kClose;
      open = false;
      ++mark;
    }
  }
  if (open) out += kClose;
  return out;
}

std::string with_single_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) out += c;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  return out;
}

}  // namespace

std::optional<std::string> highlight(std::string_view text, const std::vector<std::string>& words) {
  const std::vector<Range> marks = find_all(text, words);
  if (marks.empty()) return std::nullopt;
  return write(text, marks, 0, SIZE_MAX);
}

std::optional<std::string> highlight_part(std::string_view raw, const std::vector<std::string>& words,
                                          size_t most) {
  const std::string text = with_single_blanks(raw);
  const std::vector<Range> marks = find_all(text, words);
  if (marks.empty()) return std::nullopt;
  // A quarter of the room is for what comes before, from the start of a word on.
  const size_t first = marks.front().begin;
  size_t begin = first - std::min(first, most / 4);
  if (begin != 0) {
    const size_t blank = text.find(' ', begin);
    begin = blank < first ? blank + 1 : first;
  }
  return write(text, marks, begin, most);
}

}  // namespace posthouse::access::jmap
