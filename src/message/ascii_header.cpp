#include "message/ascii_header.h"

#include <algorithm>

#include "base/ascii.h"
#include "message/address.h"
#include "message/address_list.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/headers.h"

namespace posthouse::message {

namespace {

constexpr std::string_view kAddressFields[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc"};
// What other programs read; of these no word may turn into an encoded one.
constexpr std::string_view kStructuredFields[] = {"Received",
                                                  "Return-Path",
                                                  "Date",
                                                  "Message-ID",
                                                  "In-Reply-To",
                                                  "References",
                                                  "MIME-Version",
                                                  "Content-Type",
                                                  "Content-Disposition",
                                                  "Content-Transfer-Encoding",
                                                  "Content-ID",
                                                  "Content-Location",
                                                  "Content-Language",
                                                  "DKIM-Signature",
                                                  "Authentication-Results"};

template <size_t N>
bool is_among(const std::string_view (&names)[N], std::string_view name) {
  return std::ranges::any_of(names, [name](std::string_view known) { return iequals(known, name); });
}

std::string_view without_resent(std::string_view name) {
  constexpr std::string_view prefix = "Resent-";
  return istarts_with(name, prefix) ? name.substr(prefix.size()) : name;
}

std::string ascii_address(const EnvelopeAddress& entry) {
  const std::string name = decode_words(entry.name);
  const Result<std::string> domain =
      has_8bit(entry.host) ? domain_to_ascii(entry.host) : Result<std::string>(entry.host);
  if (has_8bit(entry.mailbox) || !domain) {
    const std::string address = entry.mailbox + "@" + entry.host;
    return encode_words(name.empty() ? decode_words(address) : name + " " + decode_words(address)) + ":;";
  }
  return format_address(name, Address{entry.mailbox, *domain}, false);
}

// Groups are opened: their names are of no use to those who answer.
std::string ascii_addresses(std::string_view value) {
  AddressListReader reader(value);
  std::string out;
  for (EnvelopeAddress entry; reader.next(entry);) {
    if (entry.is_group_start() || entry.is_group_end()) continue;
    if (!out.empty()) out += ", ";
    out += ascii_address(entry);
  }
  return out;
}

void append_ascii(std::string& out, const HeaderField& field) {
  const std::string_view plain = without_resent(field.name);
  if (is_among(kAddressFields, plain)) {
    append_field(out, field.name, ascii_addresses(field.value), false);
  } else if (is_among(kStructuredFields, plain)) {
    append_field(out, field.name, unfold(field.value), false);
  } else {
    append_text_field(out, field.name, decode_words(field.value), false);
  }
}

}  // namespace

bool has_8bit(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string ascii_header(std::string_view header) {
  HeaderReader reader(header);
  std::string out;
  out.reserve(header.size() + header.size() / 4);
  size_t at = 0;
  // What stands between fields is no field (an mbox line).
  const auto pass = [&](size_t to) {
    for (const char c : header.substr(at, to - at)) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    at = to;
  };
  for (HeaderField field; reader.next(field); at = field.end) {
    pass(field.begin);
    const std::string_view text = header.substr(field.begin, field.end - field.begin);
    if (has_8bit(text)) {
      append_ascii(out, field);
    } else {
      out += text;
    }
  }
  pass(header.size());
  return out;
}

}  // namespace posthouse::message
