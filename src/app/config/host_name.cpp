#include "app/config/host_name.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/ip.h"
#include "message/address.h"

namespace posthouse::app {
namespace {

std::unexpected<Fault> bad(std::string_view text, const char* why) {
  return fail(FaultKind::syntax,
              fmt::format("expected a host name such as mail.example.org, not \"{}\"{}", text, why));
}

}  // namespace

Result<std::string> host_name(std::string_view text) {
  if (text.starts_with('[')) return bad(text, ": an address literal is no name");
  auto name = message::domain_to_ascii(text);
  if (!name || name->find('_') != std::string::npos) return bad(text, "");
  // RFC 1123 section 2.1: what ends in a label of digits alone is an address, or looks like one.
  std::string_view last = std::string_view(*name).substr(name->rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), is_digit)) return bad(text, ": an address is no name");
  return name;
}

Result<std::string> peer_name(std::string_view text) {
  bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (IpAddress::parse(bracketed ? text.substr(1, text.size() - 2) : text)) return std::string(text);
  auto name = message::domain_to_ascii(text);
  if (!name || text.starts_with('[')) return bad(text, "");
  std::string_view last = std::string_view(*name).substr(name->rfind('.') + 1);
  if (std::all_of(last.begin(), last.end(), is_digit)) return bad(text, "");
  return name;
}

Result<std::string> full_host_name(std::string_view text) {
  auto name = host_name(text);
  if (name && name->find('.') == std::string::npos) return bad(text, ": its domain is missing");
  return name;
}

}  // namespace posthouse::app
