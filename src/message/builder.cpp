#include "message/builder.h"

#include <algorithm>

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/content_field.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/lexical.h"
#include "message/limits.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// What decides how a body can go.
struct Content {
  size_t coded = 0;                          // octets that quoted-printable writes as codes
  size_t longest = 0;                        // octets of a line
  bool has_8bit = false, is_binary = false;  // NUL, or a CR without LF
};

Content look_at(std::string_view body) {
  Content content;
  size_t width = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool ends_line = c == '\n' || (c == '\r' && i + 1 < body.size() && body[i + 1] == '\n');
    width = ends_line ? 0 : width + 1;
    content.longest = std::max(content.longest, width);
    content.has_8bit |= is_8bit(c);
    content.is_binary |= c == '\0' || (c == '\r' && !ends_line);
    content.coded += is_8bit(c) || c == '=' || (!ends_line && static_cast<unsigned char>(c) < ' ');
  }
  return content;
}

// RFC 2045 section 6: as it is, where line ends and octets allow it.
std::string_view encoding_for_text(std::string_view body, bool allow_8bit) {
  const Content content = look_at(body);
  if (!content.is_binary && !content.has_8bit && content.longest <= limits::kPreferredLine) return "7bit";
  if (!content.is_binary && content.has_8bit && allow_8bit && content.longest <= limits::kLine) return "8bit";
  // Two octets more for each code, or a third more for all: what is mostly ASCII stays readable.
  return content.coded * 6 > body.size() ? "base64" : "quoted-printable";
}

std::string with_crlf(std::string_view body) {
  std::string out;
  out.reserve(body.size() + body.size() / 32 + 2);
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r')) out += '\r';
    out += body[i];
  }
  if (!out.empty() && !out.ends_with('\n')) out += "\r\n";
  return out;
}

// At most this many octets of a name are written; those that come after are lost.
constexpr size_t kFilename = 1024;
// Octets of a name that is written quoted, on one line.
constexpr size_t kQuotedFilename = 60;
// What of a coded name stands in one parameter: a line has room for it and "filename*NN*=utf-8''".
constexpr size_t kFilenamePiece = 50;

// The start of UTF-8 text that is not longer than `octets` and ends with a whole character.
std::string_view cut(std::string_view text, size_t octets) {
  if (text.size() <= octets) return text;
  while (octets > 0 && (static_cast<unsigned char>(text[octets]) & 0xC0) == 0x80) --octets;
  return text.substr(0, octets);
}

}  // namespace

std::string filename_parameter(std::string_view filename) {
  const std::string line = one_line(filename, true);
  const auto name = trim(cut(trim(line), kFilename));
  if (!needs_encoded_words(name, false) && name.size() <= kQuotedFilename)
    return "filename=" + quoted_string(name);
  std::vector<std::string> pieces(1);
  for (char c : name) {
    const bool plain = is_alnum(c) || c == '.' || c == '-' || c == '_';
    const std::string coded =
        plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    if (pieces.back().size() + coded.size() > kFilenamePiece) pieces.emplace_back();
    pieces.back() += coded;
  }
  if (pieces.size() == 1) return "filename*=utf-8''" + pieces[0];
  std::string out;
  for (size_t i = 0; i < pieces.size(); ++i) {
    out += fmt::format("{}filename*{}*={}{}", i == 0 ? "" : "; ", i, i == 0 ? "utf-8''" : "", pieces[i]);
  }
  return out;
}

std::string text_part(std::string_view raw_body, std::string_view subtype, bool allow_8bit) {
  const std::string valid = has_8bit(raw_body) ? to_valid_utf8(raw_body) : std::string();
  const std::string_view body = valid.empty() ? raw_body : valid;
  const std::string_view encoding = encoding_for_text(body, allow_8bit);
  std::string out;
  append_field(out, "Content-Type",
               fmt::format("text/{}; charset={}", subtype, valid.empty() ? "us-ascii" : "utf-8"), false);
  append_field(out, "Content-Transfer-Encoding", encoding, false);
  out += "\r\n";
  if (encoding == "base64") {
    append_base64_lines(out, with_crlf(body));  // RFC 2045 section 6.8: text has CRLF before it is coded
  } else if (encoding == "quoted-printable") {
    out += encode_quoted_printable(body);
  } else {
    out += with_crlf(body);
  }
  if (!out.ends_with('\n')) out += "\r\n";
  return out;
}

std::string make_boundary(Random& random) {
  return "=_" + random.token(24);
}

std::string make_message_id(SystemTime now, Random& random, std::string_view domain) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return fmt::format("<{}.{}@{}>", seconds, random.token(16), one_line(domain, false));
}

MessageBuilder& MessageBuilder::subject(std::string_view text) {
  append_text_field(header_, "Subject", text, utf8_);
  return *this;
}

MessageBuilder& MessageBuilder::date(SystemTime time) {
  return field("Date", format_date(time));
}

MessageBuilder& MessageBuilder::message_id(std::string_view id) {
  return field("Message-ID", id.starts_with('<') ? std::string(id) : fmt::format("<{}>", id));
}

MessageBuilder& MessageBuilder::addresses(std::string_view name, const std::vector<NamedAddress>& list) {
  std::string value;
  for (const auto& entry : list) {
    if (!value.empty()) value += ", ";
    value += format_address(entry.name, entry.address, utf8_);
  }
  return field(name, value);
}

MessageBuilder& MessageBuilder::field(std::string_view name, std::string_view value) {
  append_field(header_, name, value, utf8_);
  return *this;
}

MessageBuilder& MessageBuilder::text(std::string_view body, std::string_view subtype) {
  parts_.push_back(text_part(body, subtype, eight_bit_));
  return *this;
}

MessageBuilder& MessageBuilder::attach(std::string_view filename, std::string_view type,
                                       std::string_view bytes) {
  const bool message = iequals(type, "message/rfc822") || iequals(type, "message/global");
  const Content content = message ? look_at(bytes) : Content();
  const bool as_it_is = message && !content.is_binary && content.longest <= limits::kLine;
  std::string part;
  append_field(part, "Content-Type", message && !as_it_is ? "application/octet-stream" : type, false);
  append_field(part, "Content-Transfer-Encoding",
               !as_it_is          ? "base64"
               : content.has_8bit ? "8bit"
                                  : "7bit",
               false);
  append_field(part, "Content-Disposition",
               filename.empty() ? "attachment" : "attachment; " + filename_parameter(filename), false);
  part += "\r\n";
  if (as_it_is) {
    part += with_crlf(bytes);
  } else {
    append_base64_lines(part, bytes);
  }
  parts_.push_back(std::move(part));
  return *this;
}

std::string MessageBuilder::build(Random& random) const {
  std::string out = header_ + "MIME-Version: 1.0\r\n";
  if (parts_.empty()) return out + "\r\n";
  if (parts_.size() == 1) return out + parts_[0];
  const std::string boundary = make_boundary(random);
  append_field(out, "Content-Type", fmt::format("multipart/mixed; boundary=\"{}\"", boundary), false);
  // RFC 2045 section 6.4: what holds 8bit is 8bit.
  if (std::any_of(parts_.begin(), parts_.end(), [](const std::string& part) { return has_8bit(part); }))
    append_field(out, "Content-Transfer-Encoding", "8bit", false);
  out += "\r\n";
  for (const auto& part : parts_) out.append("--").append(boundary).append("\r\n").append(part);
  return out.append("--").append(boundary).append("--\r\n");
}

}  // namespace posthouse::message
