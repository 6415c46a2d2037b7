#include "net/dns_rdata.h"

#include <algorithm>

#include "base/ascii.h"

namespace posthouse::net {

namespace {
constexpr size_t kMaxName = 255;  // RFC 1035 section 2.3.4
constexpr size_t kMaxLabel = 63;

size_t octet(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// A dot, a blank or a control character inside a label would read as something else once it is text.
bool is_label_char(char c) {
  return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}
}  // namespace

std::optional<std::string> read_name(std::string_view rdata) {
  std::string name;
  if (rdata.size() > kMaxName) return std::nullopt;
  size_t at = 0;
  for (;;) {
    if (at >= rdata.size()) return std::nullopt;  // no end
    const size_t size = octet(rdata, at++);
    if (size == 0) break;
    if (size > kMaxLabel || at + size > rdata.size()) return std::nullopt;
    const std::string_view label = rdata.substr(at, size);
    if (!std::all_of(label.begin(), label.end(), is_label_char)) return std::nullopt;
    if (!name.empty()) name.push_back('.');
    name += to_lower(label);
    at += size;
  }
  if (at != rdata.size()) return std::nullopt;  // bytes after the end
  return name;
}

std::optional<MxRecord> read_mx(std::string_view rdata) {
  if (rdata.size() < 3) return std::nullopt;
  auto host = read_name(rdata.substr(2));
  if (!host) return std::nullopt;
  return MxRecord{static_cast<uint16_t>(octet(rdata, 0) << 8 | octet(rdata, 1)), std::move(*host)};
}

std::optional<IpAddress> read_address(std::string_view rdata) {
  if (rdata.size() != 4 && rdata.size() != 16) return std::nullopt;
  IpAddress address;
  address.v6 = rdata.size() == 16;
  std::copy(rdata.begin(), rdata.end(), address.bytes.begin());
  return address;
}

std::optional<std::string> read_txt(std::string_view rdata) {
  if (rdata.empty()) return std::nullopt;
  std::string text;
  while (!rdata.empty()) {
    const size_t size = octet(rdata, 0);
    if (size + 1 > rdata.size()) return std::nullopt;
    text += rdata.substr(1, size);
    rdata.remove_prefix(size + 1);
  }
  return text;
}

}  // namespace posthouse::net
