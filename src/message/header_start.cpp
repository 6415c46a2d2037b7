#include "message/header_start.h"

#include <utility>

namespace posthouse::message {

namespace {

constexpr size_t kLongestLine = 998;  // RFC 5322 section 2.1.1

enum class Verdict { unknown, header, body };

bool in_field_name(char c) {
  return c > ' ' && c < '\x7f' && c != ':';
}

Verdict judge(std::string_view line) {
  if (line.starts_with('\r') || line.starts_with('\n')) return Verdict::header;  // an empty header ends here
  size_t at = 0;
  while (at < line.size() && in_field_name(line[at])) ++at;
  const std::string_view name = line.substr(0, at);
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  if (at == line.size()) return line.size() < kLongestLine ? Verdict::unknown : Verdict::body;
  if (line[at] == ':' && !name.empty()) return Verdict::header;
  const bool mbox = (name == "From" || name == ">From") && line.size() > name.size();
  return mbox ? Verdict::header : Verdict::body;
}

}  // namespace

std::string HeaderStart::feed(std::string_view bytes) {
  if (decided_) return std::string(bytes);
  held_ += bytes;
  const Verdict verdict = judge(std::string_view(held_).substr(0, kLongestLine));
  if (verdict == Verdict::unknown) return {};
  decided_ = true;
  if (verdict == Verdict::body) held_.insert(0, "\r\n");
  return std::exchange(held_, {});
}

std::string HeaderStart::finish() {
  if (decided_) return {};
  decided_ = true;
  return "\r\n" + std::exchange(held_, {});
}

}  // namespace posthouse::message
