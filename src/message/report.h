// Delivery status notifications: what a sender gets when a letter fails or is late (RFC 3464 in the container
// of RFC 6522; RFC 6533 where addresses are UTF-8).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "message/address.h"

namespace posthouse::message {

enum class ReportAction { failed, delayed, delivered, relayed, expanded };
const char* to_string(ReportAction action);

// One recipient of the report (RFC 3464 section 2.3). Empty fields are left out.
struct ReportRecipient {
  Address final;
  std::string original;  // ORCPT as it came, decoded: "rfc822;bob@example.org"
  ReportAction action = ReportAction::failed;
  std::string status;      // "5.1.1"; anything else becomes "5.0.0" (or 4.0.0, 2.0.0 by the action)
  std::string remote_mta;  // host name
  std::string diagnostic;  // the peer's reply, "550 5.1.1 No such user"; several lines joined by "\n" or CRLF
  std::string reason;      // for people, where no peer spoke: "no route to host"
  std::optional<SystemTime> last_attempt;
  std::optional<SystemTime> will_retry_until;
};

struct Report {
  std::string reporting_mta;  // our host name, A-labels
  Address from;               // postmaster or mailer-daemon
  Address to;                 // the reverse-path
  std::string message_id;     // "" makes one
  SystemTime date{};          // of the report
  std::string queue_id;       // of the letter, "" leaves it out
  std::string envelope_id;    // ENVID, decoded
  std::optional<SystemTime> arrival;
  std::vector<ReportRecipient> recipients;
  std::string text;                   // for people, UTF-8; "" writes the usual one
  bool utf8 = false;                  // the way back can take SMTPUTF8: 8-bit header and parts may be written
  bool returns_whole = false;         // the caller will put the whole letter in, else its header
  bool original_8bit_header = false;  // Summary::has_8bit_header of the letter
  bool original_8bit_body = false;    // Summary::has_8bit_body; matters if returns_whole
};

// The message is head + what ReturnedCopy makes of the letter (or of its header) + tail.
struct ReportFrame {
  std::string head;
  std::string tail;
  bool encode_base64 = false;  // for ReturnedCopy: the part is base64 (RFC 6533 section 4.5)
  bool is_8bit = false;        // needs BODY=8BITMIME
  bool is_utf8 = false;        // needs SMTPUTF8
};

// No field of `report` can add a line: CR, LF and NUL become blanks. Its sender must be the null
// reverse-path, and the caller sees to it that no report is made for one (RFC 5321 section 6.1).
ReportFrame make_report(const Report& report, Random& random);

// Copies the returned letter or header into the report: streaming, line ends made CRLF, lines of over 998
// octets broken, NUL dropped, the end a line end.
class ReturnedCopy {
 public:
  explicit ReturnedCopy(const ReportFrame& frame) : base64_(frame.encode_base64) {}
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  bool base64_;
  std::string held_;  // of base64: what is no whole line yet
  size_t width_ = 0;  // octets of the current line
  bool after_cr_ = false;
};

}  // namespace posthouse::message
