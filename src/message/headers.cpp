#include "message/headers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

constexpr auto kInName = [] {
  std::array<bool, 256> table{};
  for (size_t c = '!'; c < 127; ++c) table[c] = c != ':';
  return table;
}();

constexpr auto kBreaksLine = [] {
  std::array<bool, 256> table{};
  table['\r'] = table['\n'] = table['\0'] = true;
  return table;
}();

// Offset behind the line that begins at `at`.
size_t line_end(std::string_view text, size_t at) {
  const void* lf = std::memchr(text.data() + at, '\n', text.size() - at);
  return lf == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(lf) - text.data()) + 1;
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_empty_line(std::string_view text, size_t at) {
  return text[at] == '\n' || (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n');
}

}  // namespace

std::string_view field_name(std::string_view line) {
  size_t n = 0;
  while (n < line.size() && kInName[static_cast<unsigned char>(line[n])]) ++n;
  if (n > 0 && n < line.size() && line[n] == ':') return line.substr(0, n);
  size_t colon = n;
  while (colon < line.size() && is_wsp(line[colon])) ++colon;
  if (n == 0 || colon == line.size() || line[colon] != ':') return {};
  return line.substr(0, n);
}

bool is_mbox_line(std::string_view line) {
  return (line.starts_with("From ") || line.starts_with(">From ")) && field_name(line).empty();
}

HeaderReader::HeaderReader(std::string_view block) : block_(block) {
  while (is_mbox_line(block_.substr(at_))) at_ = line_end(block_, at_);
  if (at_ == block_.size()) {
    done_ = true;
    body_begin_ = at_;
    return;
  }
  name_ = field_name(block_.substr(at_));
  if (!is_empty_line(block_, at_) && name_.empty()) {
    done_ = true;
    body_begin_ = at_;
  }
}

bool HeaderReader::next(HeaderField& field) {
  if (done_) return false;
  if (at_ >= block_.size() || is_empty_line(block_, at_)) {
    done_ = true;
    body_begin_ = at_ >= block_.size() ? block_.size() : line_end(block_, at_);
    return false;
  }
  const size_t begin = at_;
  field.name = name_;
  size_t value = begin + field.name.size();
  while (block_[value] != ':') ++value;
  ++value;
  const std::string_view block = block_;
  size_t end = line_end(block, begin);
  for (; end < block.size() && !is_empty_line(block, end); end = line_end(block, end)) {
    if (is_wsp(block[end])) continue;
    name_ = field_name(block.substr(end));
    if (!name_.empty()) break;
  }
  field.value = without_line_end(block.substr(value, end - value));
  field.begin = begin;
  field.end = end;
  at_ = end;
  return true;
}

void append_unfolded(std::string& out, std::string_view value) {
  value = trim(value);
  while (!value.empty()) {
    size_t n = 0;
    while (n < value.size() && !kBreaksLine[static_cast<unsigned char>(value[n])]) ++n;
    out.append(value.substr(0, n));
    value.remove_prefix(n);
    if (value.empty()) break;
    const bool nul = value[0] == '\0';
    value.remove_prefix(value.starts_with("\r\n") ? 2 : 1);
    if (!nul && !value.empty() && !is_wsp(value[0]) && value[0] != '\r' && value[0] != '\n') out += ' ';
  }
}

std::string unfold(std::string_view value) {
  std::string out;
  append_unfolded(out, value);
  return out;
}

size_t header_size(std::string_view block) {
  HeaderReader reader(block);
  HeaderField field;
  while (reader.next(field)) {
  }
  return reader.body_begin();
}

std::optional<HeaderField> find_field(std::string_view block, std::string_view name) {
  HeaderReader reader(block);
  HeaderField field;
  while (reader.next(field)) {
    if (iequals(field.name, name)) return field;
  }
  return std::nullopt;
}

std::vector<HeaderField> find_fields(std::string_view block, std::string_view name) {
  std::vector<HeaderField> found;
  HeaderReader reader(block);
  HeaderField field;
  while (reader.next(field)) {
    if (iequals(field.name, name)) found.push_back(field);
  }
  return found;
}

std::string select_fields(std::string_view block, const std::vector<std::string>& names, bool inverse) {
  std::string out;
  HeaderReader reader(block);
  HeaderField field;
  while (reader.next(field)) {
    const bool named =
        std::any_of(names.begin(), names.end(), [&](const std::string& n) { return iequals(n, field.name); });
    if (named == inverse) continue;
    out.append(block.substr(field.begin, field.end - field.begin));
    if (!out.ends_with('\n')) out += "\r\n";
  }
  return out += "\r\n";
}

}  // namespace posthouse::message
