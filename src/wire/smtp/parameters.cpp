#include "wire/smtp/parameters.h"

#include <limits>

#include "base/ascii.h"
#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {
namespace {

constexpr SyntaxFault kBadSyntax{501, "5.5.4", "Error: bad parameter syntax"};
constexpr SyntaxFault kTwice{501, "5.5.4", "Error: parameter given twice"};
constexpr SyntaxFault kTooMany{501, "5.5.4", "Error: too many parameters"};
constexpr SyntaxFault kUnsupported{555, "5.5.4", "Error: unsupported parameter"};
constexpr SyntaxFault kBadSize{501, "5.5.4", "Error: bad SIZE value"};
constexpr SyntaxFault kBadBody{501, "5.5.4", "Error: BODY must be 7BIT or 8BITMIME"};
constexpr SyntaxFault kBadAuth{501, "5.5.4", "Error: bad AUTH value"};

struct Parameter {
  std::string_view key;
  std::optional<std::string_view> value;
};

bool is_keyword(std::string_view key) {
  if (key.empty() || !is_alnum(key.front())) return false;
  for (char c : key) {
    if (!is_alnum(c) && c != '-') return false;
  }
  return true;
}

// esmtp-value: any printable character but "=" and space, UTF-8 included (RFC 6531 section 3.3).
bool is_value(std::string_view value) {
  if (value.empty()) return false;
  for (char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 32 || u == 127 || c == '=') return false;
  }
  return true;
}

// AUTH=<> and AUTH=<xtext> hold "=" in no legal form either, but encode it as +3D.
std::optional<Parameter> split_parameter(std::string_view word) {
  Parameter p;
  const size_t equals = word.find('=');
  p.key = word.substr(0, equals);
  if (equals != std::string_view::npos) {
    p.value = word.substr(equals + 1);
    if (!is_value(*p.value)) return std::nullopt;
  }
  if (!is_keyword(p.key)) return std::nullopt;
  return p;
}

bool is_hex_upper(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'F');
}

// RFC 3461 section 4: xtext = *( xchar / "+" 2HEXDIG ). A line end, NUL or other control character in it is
// part of no address, whatever the reader of it would do with one.
bool is_xtext(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '!' || text[i] > '~') return false;
    if (text[i] != '+') continue;
    if (text.size() - i < 3 || !is_hex_upper(text[i + 1]) || !is_hex_upper(text[i + 2])) return false;
    const std::string_view code = text.substr(i + 1, 2);
    if (code < "20" || code == "7F") return false;
    i += 2;
  }
  return true;
}

// size-value = 1*20DIGIT (RFC 1870 section 3).
std::optional<uint64_t> parse_size(std::string_view digits) {
  if (digits.empty() || digits.size() > 20) return std::nullopt;
  for (char c : digits) {
    if (!is_digit(c)) return std::nullopt;
  }
  const std::optional<uint64_t> size = parse_uint(digits);
  return size ? *size : std::numeric_limits<uint64_t>::max();
}

// Calls `take(parameter)` for each parameter; stops at the first fault.
template <class Take>
std::expected<void, SyntaxFault> for_each_parameter(std::string_view text, Take take) {
  size_t count = 0;
  while (true) {
    const size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    if (start == 0) return std::unexpected(kBadSyntax);  // glued to the path
    text.remove_prefix(start);
    const size_t length = std::min(text.find(' '), text.size());
    if (++count > kMaxParameters) return std::unexpected(kTooMany);
    const std::optional<Parameter> parameter = split_parameter(text.substr(0, length));
    if (!parameter) return std::unexpected(kBadSyntax);
    if (std::expected<void, SyntaxFault> taken = take(*parameter); !taken) return taken;
    text.remove_prefix(length);
  }
}

// Takes the parameters of one MAIL command, each at most once.
class MailReader {
 public:
  std::expected<void, SyntaxFault> take(const Parameter& p) {
    if (iequals(p.key, "SIZE")) return take_size(p);
    if (iequals(p.key, "BODY")) return take_body(p);
    if (iequals(p.key, "SMTPUTF8")) return take_utf8(p);
    if (iequals(p.key, "AUTH")) return take_auth(p);
    return std::unexpected(kUnsupported);
  }
  const MailParameters& out() const { return out_; }

 private:
  std::expected<void, SyntaxFault> take_size(const Parameter& p) {
    if (out_.size) return std::unexpected(kTwice);
    out_.size = p.value ? parse_size(*p.value) : std::nullopt;
    if (!out_.size) return std::unexpected(kBadSize);
    return {};
  }
  std::expected<void, SyntaxFault> take_body(const Parameter& p) {
    if (std::exchange(body_, true)) return std::unexpected(kTwice);
    out_.eight_bit = p.value && iequals(*p.value, "8BITMIME");
    if (!out_.eight_bit && !(p.value && iequals(*p.value, "7BIT"))) return std::unexpected(kBadBody);
    return {};
  }
  std::expected<void, SyntaxFault> take_utf8(const Parameter& p) {
    if (std::exchange(out_.utf8, true)) return std::unexpected(kTwice);
    if (p.value) return std::unexpected(kBadSyntax);
    return {};
  }
  std::expected<void, SyntaxFault> take_auth(const Parameter& p) {
    if (std::exchange(auth_, true)) return std::unexpected(kTwice);
    if (!p.value || !is_xtext(*p.value)) return std::unexpected(kBadAuth);
    return {};
  }

  MailParameters out_;
  bool body_ = false;
  bool auth_ = false;
};

}  // namespace

std::expected<MailParameters, SyntaxFault> parse_mail_parameters(std::string_view text) {
  MailReader reader;
  const auto read = for_each_parameter(text, [&](const Parameter& p) { return reader.take(p); });
  if (!read) return std::unexpected(read.error());
  return reader.out();
}

std::expected<void, SyntaxFault> parse_rcpt_parameters(std::string_view text) {
  return for_each_parameter(text, [](const Parameter&) -> std::expected<void, SyntaxFault> {
    return std::unexpected(kUnsupported);
  });
}

}  // namespace posthouse::wire::smtp
