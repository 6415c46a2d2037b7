#include "wire/smtp/reply.h"

#include "base/ascii.h"
#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {
namespace {

bool is_printable(char c) {
  return (c >= ' ' && c <= '~') || c == '\t';
}

void append_printable(std::string& out, std::string_view text, bool keep_8bit) {
  for (char c : text) out += is_printable(c) || (keep_8bit && is_8bit(c)) ? c : '?';
}

// At most `room` octets, and no half of a UTF-8 character at the end.
std::string_view cut_to(std::string_view text, size_t room) {
  if (text.size() <= room) return text;
  while (room > 0 && (static_cast<unsigned char>(text[room]) & 0xC0u) == 0x80) --room;
  return text.substr(0, room);
}

// Digits of one part of a status code at `at`: subject and detail have at most three (RFC 3463 section 2).
size_t part_length(std::string_view text, size_t at) {
  size_t n = 0;
  while (at + n < text.size() && is_digit(text[at + n])) ++n;
  return n <= 3 ? n : 0;
}

// The first three characters as a code, 0 if they are none (RFC 5321 section 4.2: 2yz to 5yz).
int parse_code(std::string_view line) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) return 0;
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

void format_reply(std::string& out, int code, std::string_view status, std::string_view text) {
  const std::string digits = std::to_string(code);
  while (true) {
    const size_t end = text.find('\n');
    const bool last = end == std::string_view::npos;
    const size_t start = out.size();
    out += digits;
    out += last ? ' ' : '-';
    if (!status.empty()) {
      out += status;
      out += ' ';
    }
    const size_t room = kReplyLine - 2 - std::min(out.size() - start, kReplyLine - 2);
    append_printable(out, cut_to(text.substr(0, end), room), true);
    out += "\r\n";
    if (last) return;
    text.remove_prefix(end + 1);
  }
}

size_t status_length(int code, std::string_view text) {
  if (text.size() < 5 || text[0] - '0' != code / 100 || text[1] != '.') return 0;
  if (text[0] != '2' && text[0] != '4' && text[0] != '5') return 0;
  const size_t subject = part_length(text, 2);
  if (subject == 0 || 2 + subject >= text.size() || text[2 + subject] != '.') return 0;
  const size_t detail = part_length(text, 3 + subject);
  if (detail == 0) return 0;
  const size_t length = 3 + subject + detail;
  return length == text.size() || text[length] == ' ' ? length : 0;
}

Result<std::optional<ReceivedReply>> ReplyParser::fault(const char* what) {
  reply_ = {};
  lines_ = 0;
  return fail(FaultKind::syntax, what);
}

Result<std::optional<ReceivedReply>> ReplyParser::add_line(std::string_view line) {
  if (line.size() > kMaxReplyLine) return fault("reply line too long");
  line = without_line_end(line);
  const int code = parse_code(line);
  if (code == 0) return fault("not an SMTP reply");
  if (lines_ != 0 && code != reply_.code) return fault("codes differ within a reply");
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return fault("not an SMTP reply");
  if (++lines_ > kMaxReplyLines) return fault("reply with too many lines");
  reply_.code = code;
  std::string_view text = line.substr(std::min<size_t>(4, line.size()));
  if (const size_t length = status_length(code, text)) {
    if (lines_ == 1) reply_.status = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  if (lines_ > 1) reply_.text += '\n';
  if (reply_.text.size() + text.size() > kMaxReplyText) return fault("reply too long");
  append_printable(reply_.text, text, false);
  if (line.size() > 3 && line[3] == '-') return std::optional<ReceivedReply>();
  lines_ = 0;
  return std::optional<ReceivedReply>(std::exchange(reply_, {}));
}

}  // namespace posthouse::wire::smtp
