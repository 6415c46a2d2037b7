#include "message/address.h"

#include "base/ascii.h"
#include "base/ip.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// RFC 5322 section 3.2.3 atext; RFC 6532 section 3.2 adds everything beyond ASCII.
bool is_atext(char c) {
  return is_alnum(c) || is_8bit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// Dot-string of RFC 5321 section 4.1.2.
bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_atext(text[i]) && text[i] != '.') return false;
    if (text[i] == '.' && text[i + 1] == '.') return false;
  }
  return true;
}

// sub-domain of RFC 5321 section 4.1.2, with UTF-8 and the underscore that some hosts have.
bool is_label(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  for (char c : label) {
    if (!is_alnum(c) && !is_8bit(c) && c != '-' && c != '_') return false;
  }
  return true;
}

bool is_domain_name(std::string_view text) {
  for (auto label : split(text, '.')) {
    if (!is_label(label)) return false;
  }
  return true;
}

// RFC 5321 section 4.1.3.
bool is_address_literal(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  const auto inner = text.substr(1, text.size() - 2);
  if (istarts_with(inner, "IPv6:")) {
    const auto ip = inner.substr(5);
    return ip.find(':') != std::string_view::npos && IpAddress::parse(ip).has_value();
  }
  if (is_digit(inner[0]) && inner.find(':') == std::string_view::npos)
    return IpAddress::parse(inner).has_value();
  const size_t colon = inner.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == inner.size()) return false;
  for (char c : inner.substr(0, colon)) {
    if (!is_alnum(c) && c != '-') return false;
  }
  for (char c : inner.substr(colon + 1)) {
    if (c < '!' || c > '~' || c == '[' || c == ']' || c == '\\') return false;
  }
  return inner[colon - 1] != '-';
}

std::unexpected<Fault> bad(std::string what) {
  return fail(FaultKind::syntax, std::move(what));
}

// Takes "@a,@b:" off the front (RFC 5321 section 4.1.2 A-d-l).
Result<std::string_view> without_route(std::string_view text) {
  if (!text.starts_with('@')) return text;
  const size_t colon = text.find(':');
  // Nobody means a source route any more who leaves its colon out.
  if (colon == std::string_view::npos) return bad("the local part before the @ is missing");
  for (auto hop : split(text.substr(0, colon), ',')) {
    if (!hop.starts_with('@') || !is_domain_name(hop.substr(1))) return bad("bad source route");
  }
  return text.substr(colon + 1);
}

// Quoted-string of RFC 5321 section 4.1.2 at the start of `text`: unquoted into `local`, taken off `text`.
bool take_quoted(std::string_view& text, std::string& local) {
  size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
    if (i >= text.size() || (!is_8bit(text[i]) && (text[i] < ' ' || text[i] > '~'))) return false;
    local += text[i];
  }
  if (i >= text.size()) return false;
  text.remove_prefix(i + 1);
  return true;
}

}  // namespace

std::string Address::to_string() const {
  std::string out;
  if (is_dot_string(local)) {
    out = local;
  } else if (!empty()) {
    out = '"';
    for (char c : local) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  if (!domain.empty()) out.append("@").append(domain);
  return out;
}

bool Address::is_ascii() const {
  return !has_8bit(local) && !has_8bit(domain);
}

Result<Address> parse_mailbox(std::string_view text) {
  if (has_8bit(text) && !is_utf8(text)) return bad("address is not valid UTF-8");
  auto rest = without_route(text);
  if (!rest) return std::unexpected(rest.error());
  Address address;
  std::string_view tail = *rest;
  if (tail.starts_with('"')) {
    if (!take_quoted(tail, address.local)) return bad("bad quoted local part");
  } else {
    const size_t at = tail.find('@');
    const auto local = tail.substr(0, at);
    if (!is_dot_string(local)) return bad("bad local part");
    address.local = local;
    tail.remove_prefix(local.size());
  }
  if (address.local.size() > limits::kLocalPart) return bad("local part over 64 octets");
  // RFC 5321 section 4.1.1.3: postmaster may stand without a domain.
  if (tail.empty() && iequals(address.local, "postmaster")) return address;
  if (!tail.starts_with('@')) return bad("address without a domain");
  tail.remove_prefix(1);
  if (tail.size() > limits::kDomain) return bad("domain over 255 octets");
  if (!(tail.starts_with('[') ? is_address_literal(tail) : is_domain_name(tail))) return bad("bad domain");
  address.domain = tail;
  return address;
}

Result<std::string> address_key(std::string_view address) {
  auto parsed = parse_mailbox(address);
  if (!parsed) return std::unexpected(parsed.error());
  parsed->local = fold_case(parsed->local);
  if (!parsed->domain.empty()) {
    auto domain = domain_to_ascii(parsed->domain);
    if (!domain) return domain;
    parsed->domain = std::move(*domain);
  }
  return parsed->to_string();
}

}  // namespace posthouse::message
