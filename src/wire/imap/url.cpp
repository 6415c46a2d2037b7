#include "wire/imap/url.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/utf8.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// bchar without pct-encoded.
bool is_bchar(char c) {
  return is_alnum(c) || std::string_view("-._~!$'()*+,&=:@/").find(c) != std::string_view::npos;
}

int hex(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// 1*bchar; no NUL, as no mailbox and no section has one.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      if (!is_bchar(text[i])) return std::nullopt;
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex(text[i + 1]);
    const int low = hex(text[i + 2]);
    if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<uint64_t> number(std::string_view text, uint64_t most, bool zero) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  if (text[0] == '0' && (!zero || text.size() > 1)) return std::nullopt;
  const auto value = parse_uint(text);
  if (!value || *value > most) return std::nullopt;
  return *value;
}

// What stands behind `name` at the end of `text`, which loses both; nothing, and no change, if it is not
// there.
std::optional<std::string_view> cut_last(std::string_view& text, std::string_view name) {
  if (text.size() < name.size()) return std::nullopt;
  for (size_t at = text.size() - name.size() + 1; at-- > 0;) {
    if (!iequals(text.substr(at, name.size()), name)) continue;
    const std::string_view value = text.substr(at + name.size());
    text = text.substr(0, at);
    return value;
  }
  return std::nullopt;
}

// partial-range = number ["." nz-number]
bool read_partial(std::string_view text, FetchItem::Partial& out) {
  const size_t dot = text.find('.');
  const auto offset = number(text.substr(0, dot), INT64_MAX, true);
  if (!offset) return false;
  out.offset = *offset;
  out.length = INT64_MAX;
  if (dot == std::string_view::npos) return true;
  const auto length = number(text.substr(dot + 1), INT64_MAX, false);
  if (!length) return false;
  out.length = *length;
  return true;
}

// [";UIDVALIDITY=" nz-number]
bool read_validity(std::string_view& text, MessageUrl& out) {
  if (const auto value = cut_last(text, ";UIDVALIDITY=")) {
    const auto validity = number(*value, UINT32_MAX, false);
    if (!validity) return false;
    out.uid_validity = static_cast<uint32_t>(*validity);
  }
  return true;
}

// enc-mailbox, from the place of the base URL if it is relative (RFC 3986 section 5.2.3).
bool read_mailbox(std::string_view text, std::string_view selected, MessageUrl& out) {
  const bool absolute = text.starts_with('/');
  if (absolute) text.remove_prefix(1);
  // A colon before the first slash is that of a scheme (RFC 3986 section 4.2).
  if (!absolute && text.substr(0, text.find('/')).find(':') != std::string_view::npos) return false;
  const auto name = decode(text);
  if (!name || !is_utf8(*name)) return false;
  const size_t level = selected.rfind('/');
  if (!absolute && level != std::string_view::npos) out.mailbox = selected.substr(0, level + 1);
  out.mailbox += *name;
  return true;
}

bool read_uid(std::string_view text, MessageUrl& out) {
  const auto uid = number(text, UINT32_MAX, false);
  if (uid) out.uid = static_cast<uint32_t>(*uid);
  return uid.has_value();
}

}  // namespace

std::optional<MessageUrl> parse_message_url(std::string_view url, std::string_view selected) {
  if (url.starts_with("//")) return std::nullopt;
  MessageUrl out;
  if (const auto value = cut_last(url, "/;PARTIAL=")) {
    FetchItem::Partial range;
    if (!read_partial(*value, range)) return std::nullopt;
    out.partial = range;
  }
  if (const auto value = cut_last(url, "/;SECTION=")) {
    const auto section = decode(*value);
    if (!section || !parse_section_spec(*section, out.section)) return std::nullopt;
  }
  if (istarts_with(url, ";UID=")) {
    out.mailbox = selected;
    if (selected.empty() || !read_uid(url.substr(5), out)) return std::nullopt;
    return out;
  }
  const auto uid = cut_last(url, "/;UID=");
  if (!uid || !read_uid(*uid, out) || !read_validity(url, out) || !read_mailbox(url, selected, out))
    return std::nullopt;
  return out;
}

}  // namespace posthouse::wire::imap
