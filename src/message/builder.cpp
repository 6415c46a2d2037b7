#include "message/builder.h"

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/content_field.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/limits.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// Whether a body can go as 7bit: ASCII without NUL or lone CR, every line short.
bool is_7bit(std::string_view body) {
  size_t width = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (is_8bit(c) || c == '\0' || (c == '\r' && (i + 1 == body.size() || body[i + 1] != '\n'))) return false;
    width = c == '\n' ? 0 : width + 1;
    if (width > limits::kPreferredLine + 1) return false;
  }
  return true;
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

// filename=..., quoted, or RFC 2231 where it is not ASCII.
std::string filename_parameter(std::string_view filename) {
  const std::string name = one_line(filename, true);
  std::string out;
  if (!has_8bit(name)) {
    out = "filename=\"";
    for (char c : name) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out += '"';
  }
  out = "filename*=utf-8''";
  for (char c : name) {
    if (is_alnum(c) || c == '.' || c == '-' || c == '_') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

std::string text_part(std::string_view body, std::string_view subtype) {
  const bool plain = is_7bit(body);
  std::string out;
  append_field(out, "Content-Type",
               fmt::format("text/{}; charset={}", subtype, has_8bit(body) ? "utf-8" : "us-ascii"), false);
  append_field(out, "Content-Transfer-Encoding", plain ? "7bit" : "quoted-printable", false);
  out += "\r\n";
  out += plain ? with_crlf(body)
               : encode_quoted_printable(has_8bit(body) ? to_valid_utf8(body) : std::string(body));
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
  parts_.push_back(text_part(body, subtype));
  return *this;
}

MessageBuilder& MessageBuilder::attach(std::string_view filename, std::string_view type,
                                       std::string_view bytes) {
  std::string part;
  append_field(part, "Content-Type", type, false);
  append_field(part, "Content-Transfer-Encoding", "base64", false);
  append_field(part, "Content-Disposition",
               filename.empty() ? "attachment" : "attachment; " + filename_parameter(filename), false);
  part += "\r\n";
  append_base64_lines(part, bytes);
  parts_.push_back(std::move(part));
  return *this;
}

std::string MessageBuilder::build(Random& random) const {
  std::string out = header_ + "MIME-Version: 1.0\r\n";
  if (parts_.empty()) return out + "\r\n";
  if (parts_.size() == 1) return out + parts_[0];
  const std::string boundary = make_boundary(random);
  append_field(out, "Content-Type", fmt::format("multipart/mixed; boundary=\"{}\"", boundary), false);
  out += "\r\n";
  for (const auto& part : parts_) out.append("--").append(boundary).append("\r\n").append(part);
  return out.append("--").append(boundary).append("--\r\n");
}

}  // namespace posthouse::message
