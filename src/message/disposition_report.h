// Message disposition notifications: what a sender gets who asked whether a letter was read (RFC 8098).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "message/address.h"

namespace posthouse::message {

enum class Disposition { displayed, deleted, dispatched, processed };
const char* to_string(Disposition disposition);

struct DispositionReport {
  Address from;  // whose mailbox it is about: From and Final-Recipient
  Address to;    // of the letter's Disposition-Notification-To
  std::string
      original_recipient;  // of the letter's Original-Recipient: "rfc822;bob@example.org"; "" leaves it out
  std::string original_message_id;  // of the letter, with its brackets; "" if it had none
  std::string original_subject;     // UTF-8
  std::string original_header;      // of the letter, to be returned; "" leaves it out
  Disposition disposition = Disposition::displayed;
  bool automatic_action = false;    // nobody asked for that disposition of this letter
  bool sent_automatically = false;  // nobody was asked before the report was sent
  std::string reporting_ua;         // "host; product", "" leaves it out
  std::string domain;               // of its Message-ID, A-labels
  std::string text;                 // for people, UTF-8; "" writes the usual one
  SystemTime date{};
};

// The whole report; 8-bit only where addresses are. No field can add a line. Its envelope sender must be the
// null reverse-path, and the caller sees to it that there is one report a recipient at most, that the user
// agrees where section 2.1 asks for it, and that none is made for a report.
std::string make_disposition_report(const DispositionReport& report, Random& random);

}  // namespace posthouse::message
