// Messages that we write ourselves: reports, the welcome letter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "message/address.h"

namespace posthouse::message {

struct NamedAddress {
  std::string name;  // UTF-8, may be empty
  Address address;
};

// Builds one message: header fields in the order given, then text, then attachments. Lines are CRLF, at most
// 998 octets and mostly under 78 (RFC 5322 section 2.1.1); no value can add a line or a field. Not
// thread-safe.
class MessageBuilder {
 public:
  // `utf8`: header fields may be UTF-8 (RFC 6532), for messages sent with SMTPUTF8; else encoded words, and
  // domains as A-labels. It includes 8-bit bodies (RFC 6531 section 3.6).
  explicit MessageBuilder(bool utf8 = false) : utf8_(utf8), eight_bit_(utf8) {}
  // Bodies may be sent as 8bit, for messages sent with 8BITMIME. Before the parts.
  MessageBuilder& allow_8bit() {
    eight_bit_ = true;
    return *this;
  }

  MessageBuilder& from(const NamedAddress& address) { return addresses("From", {address}); }
  MessageBuilder& to(const NamedAddress& address) { return addresses("To", {address}); }
  MessageBuilder& subject(std::string_view text);
  MessageBuilder& date(SystemTime time);
  MessageBuilder& message_id(std::string_view id);  // with or without its angle brackets
  MessageBuilder& addresses(std::string_view name, const std::vector<NamedAddress>& list);
  // A structured field, its value ASCII (or UTF-8) as it should stand.
  MessageBuilder& field(std::string_view name, std::string_view value);

  // The body, UTF-8 with CRLF or LF line ends; what is not UTF-8 becomes U+FFFD. Sent as it is if it has
  // short lines and is ASCII (or 8-bit text is allowed), else in the shorter one of quoted-printable and
  // base64.
  MessageBuilder& text(std::string_view body, std::string_view subtype = "plain");
  // `type`: "image/png". `filename`: UTF-8, may be empty. In base64, but for message/rfc822, which has to
  // stay as it is (RFC 2046 section 5.2.1): one with lines that are too long, or NUL, becomes
  // application/octet-stream.
  MessageBuilder& attach(std::string_view filename, std::string_view type, std::string_view bytes);

  // `random` makes the boundary, if one is needed.
  std::string build(Random& random) const;

 private:
  bool utf8_, eight_bit_;
  std::string header_;
  std::vector<std::string> parts_;  // each with its MIME header
};

// A MIME part of text: its header, the empty line, the body, ended with CRLF.
std::string text_part(std::string_view body, std::string_view subtype, bool allow_8bit = false);

// The parameter of Content-Disposition that tells a file's name: quoted, or in the form of RFC 2231 where it
// is not ASCII, is long (section 3: in pieces) or would be taken for an encoded word.
std::string filename_parameter(std::string_view filename);

// A boundary that no base64 or quoted-printable text can hold, unlikely in any other.
std::string make_boundary(Random& random);

// A new Message-ID, in angle brackets. `domain` in A-labels.
std::string make_message_id(SystemTime now, Random& random, std::string_view domain);

}  // namespace posthouse::message
