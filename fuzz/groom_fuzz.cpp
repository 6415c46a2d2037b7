// Grooming any header: nothing that is for our eyes only stays, whoever reads the result sees the authors
// that were checked, and grooming it again changes nothing.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/ascii.h"
#include "message/headers.h"
#include "submission/groom.h"

namespace {

using namespace posthouse;
using submission::Groomed;
using submission::Groomer;

void check_fields(const Groomed& groomed) {
  message::HeaderReader reader(groomed.header);
  message::HeaderField field;
  size_t from = 0, date = 0, message_id = 0, recipients = 0;
  while (reader.next(field)) {
    for (const char* hidden : {"Bcc", "Resent-Bcc", "Return-Path"}) {
      if (iequals(field.name, hidden)) abort();
    }
    from += iequals(field.name, "From") ? 1 : 0;
    date += iequals(field.name, "Date") ? 1 : 0;
    message_id += iequals(field.name, "Message-ID") ? 1 : 0;
    recipients += iequals(field.name, "To") || iequals(field.name, "Cc") ? 1 : 0;
  }
  if (from != 1 || date == 0 || message_id == 0 || recipients == 0) abort();
  if (reader.body_begin() != groomed.header.size()) abort();
}

// The letter comes from a decoder that lets only CRLF through.
bool has_bare_line_end(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return true;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string block(reinterpret_cast<const char*>(data), size);
  if (has_bare_line_end(block)) return 0;
  Groomer groomer;
  groomer.default_domain = "example.test";
  groomer.login = "alice@example.test";
  groomer.display_name = "Alice";
  groomer.message_id_domain = "example.test";
  groomer.message_id_token = "token";
  size_t body_begin = 0;
  const Result<Groomed> first = submission::groom(block, groomer, body_begin);
  if (!first) return 0;
  if (body_begin > block.size()) abort();
  if (!first->header.ends_with("\r\n\r\n") || first->authors.empty()) abort();
  check_fields(*first);
  const Result<Groomed> second = submission::groom(first->header, groomer, body_begin);
  if (!second || second->authors != first->authors || second->senders != first->senders) abort();
  if (second->header != first->header) abort();
  return 0;
}
