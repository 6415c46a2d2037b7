#include "app/moving/imap_url.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/limits.h"
#include "base/ascii.h"

namespace posthouse::app::moving {
namespace {

constexpr uint16_t kImapPort = 143, kImapsPort = 993;

std::unexpected<Fault> wrong(std::string why) {
  return fail(FaultKind::syntax, "SOURCE: " + why + "; expected imaps://USER@HOST[:PORT]");
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return wrong("a \"%\" without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return wrong("a control character");
    out += c;
  }
  return out;
}

Result<void> host_and_port(std::string_view text, ImapUrl& out) {
  size_t end = 0;
  if (text.starts_with('[')) {  // IPv6
    end = text.find(']');
    if (end == text.npos) return wrong("\"[\" without \"]\"");
    out.host = text.substr(1, end - 1);
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    auto host = decoded(text.substr(0, end));
    if (!host) return std::unexpected(host.error());
    out.host = to_lower(*host);
  }
  if (out.host.empty()) return wrong("no host");
  text.remove_prefix(end);
  if (text.empty()) return {};
  const auto port = text.starts_with(':') ? parse_uint(text.substr(1)) : std::nullopt;
  if (!port || *port == 0 || *port > 65535) return wrong("the port is no number from 1 to 65535");
  out.port = static_cast<uint16_t>(*port);
  return {};
}

}  // namespace

std::string ImapUrl::to_string() const {
  const bool v6 = host.find(':') != host.npos;
  return fmt::format("{}://{}@{}{}{}:{}", tls ? "imaps" : "imap", user, v6 ? "[" : "", host, v6 ? "]" : "",
                     port);
}

bool is_imap_url(std::string_view text) {
  return istarts_with(text, "imap://") || istarts_with(text, "imaps://");
}

Result<ImapUrl> parse_imap_url(std::string_view text) {
  if (!is_imap_url(text)) return wrong("no URL of IMAP");
  if (text.size() > kImapUrl) return wrong("too long");
  ImapUrl out;
  out.tls = istarts_with(text, "imaps://");
  out.port = out.tls ? kImapsPort : kImapPort;
  text.remove_prefix(text.find("//") + 2);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find('/') != text.npos) return wrong("mailboxes are chosen by --folder");
  const size_t at = text.rfind('@');
  if (at == text.npos || at == 0) return wrong("no user");
  const std::string_view user = text.substr(0, at);
  if (user.find(';') != user.npos) return wrong("parameters (\";AUTH=\") are not understood");
  if (user.find(':') != user.npos)
    return wrong("no password may stand there, others would see it: --password-file has it");
  auto name = decoded(user);
  if (!name) return std::unexpected(name.error());
  out.user = *name;
  if (auto where = host_and_port(text.substr(at + 1), out); !where) return std::unexpected(where.error());
  return out;
}

}  // namespace posthouse::app::moving
