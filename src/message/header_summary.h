// From one header block to what the summary keeps of it.
#pragma once

#include <string_view>

#include "message/summary.h"

namespace posthouse::message {

// What the summary of one message may still keep; `truncated` once something did not fit.
struct Budget {
  size_t text;
  size_t addresses;
  bool truncated = false;
};

// Fills the MIME fields of `part` from its header (names, parameters, encoding...). `digest_child`: the
// default type is message/rfc822 (RFC 2046 section 5.1.5). Several fields of one name: the first counts.
void read_mime_header(std::string_view header, bool digest_child, Part& part, Budget& budget);

// Fills `envelope`. Several address fields of one name are joined, of others the first counts (RFC 7103
// section 7.5.1 would also join subjects; no client expects that).
void read_envelope(std::string_view header, Envelope& envelope, Budget& budget);

// Both at once, and the numbers of the summary, for the message's own header.
void read_message_header(std::string_view header, Summary& summary, Budget& budget);

}  // namespace posthouse::message
