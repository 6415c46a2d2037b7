// What messages are gathered into conversations by (RFC 5256; RFC 8621 section 3 leaves it to us).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::message {

struct BaseSubject {
  std::string text;               // UTF-8, not folded: compared with casemap()
  bool reply_or_forward = false;  // section 3, REFERENCES: the subject says that it answers or forwards
  bool operator==(const BaseSubject&) const = default;
};

// RFC 5256 section 2.1. `subject`: the raw value of the field; encoded words are decoded first. Linear in its
// length.
BaseSubject base_subject(std::string_view subject);

struct ThreadBase {
  std::string message_id;               // normalised, "" if there is none that can be read
  std::vector<std::string> references;  // ancestors, the eldest first: the parent is the last
  BaseSubject subject;
};

// From a message's header block. Ancestors are those of References or else the first of In-Reply-To (RFC 5256
// section 3, REFERENCES).
ThreadBase thread_base(std::string_view header_block);

}  // namespace posthouse::message
