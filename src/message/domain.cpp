#include <idn2.h>

#include <memory>

#include "base/ascii.h"
#include "message/address.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

struct FreeIdn {
  void operator()(char* p) const { idn2_free(p); }
};
using IdnString = std::unique_ptr<char, FreeIdn>;

constexpr size_t kDnsName = 253;  // RFC 1035 section 3.1, as text without the final dot

// Letters, digits, hyphens inside, and the underscore of service names.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kDnsName) return false;
  for (auto label : split(name, '.')) {
    if (label.empty() || label.size() > limits::kLabel || label.front() == '-' || label.back() == '-')
      return false;
    for (char c : label) {
      if (!is_alnum(c) && c != '-' && c != '_') return false;
    }
  }
  return true;
}

}  // namespace

Result<std::string> domain_to_ascii(std::string_view domain) {
  if (domain.starts_with('[') && domain.ends_with(']') && domain.size() > 2 &&
      domain.size() <= limits::kDomain) {
    for (char c : domain) {
      if (c < '!' || c > '~') return fail(FaultKind::syntax, "bad address literal");
    }
    return to_lower(domain);
  }
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (domain.empty() || domain.size() > 4 * limits::kDomain || domain.find('\0') != std::string_view::npos) {
    return fail(FaultKind::syntax, "bad domain");
  }
  std::string ascii;
  if (has_8bit(domain)) {
    if (!is_utf8(domain)) return fail(FaultKind::syntax, "domain is not valid UTF-8");
    char* raw = nullptr;
    const int rc = idn2_to_ascii_8z(std::string(domain).c_str(), &raw, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    const IdnString owned(raw);
    if (rc != IDN2_OK) return fail(FaultKind::syntax, std::string("bad domain: ") + idn2_strerror(rc));
    ascii = to_lower(raw);
    if (ascii.ends_with('.')) ascii.pop_back();
  } else {
    ascii = to_lower(domain);
  }
  if (!is_host_name(ascii)) return fail(FaultKind::syntax, "bad domain");
  return ascii;
}

Result<std::string> mail_domain(std::string_view domain) {
  Result<std::string> ascii = domain_to_ascii(domain);
  if (!ascii || domain.starts_with('[') || ascii->find('_') != std::string::npos) {
    return fail(
        FaultKind::syntax,
        fmt::format("not a domain name: '{}' (expected letters, digits and hyphens, as in example.org)",
                    domain));
  }
  return ascii;
}

std::string domain_to_unicode(std::string_view domain) {
  const std::string name(domain);
  if (name.find('\0') != std::string::npos || to_lower(name).find("xn--") == std::string::npos) return name;
  char* raw = nullptr;
  const int rc = idn2_to_unicode_8z8z(name.c_str(), &raw, 0);
  const IdnString owned(raw);
  return rc == IDN2_OK ? std::string(raw) : name;
}

}  // namespace posthouse::message
