#include "message/disposition_report.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/builder.h"
#include "message/date.h"
#include "message/fold.h"
#include "message/report.h"
#include "message/report_address.h"

namespace posthouse::message {
namespace {

std::string usual_text(const DispositionReport& report) {
  std::string out = "Your message";
  if (!report.original_subject.empty()) out += " \"" + one_line(report.original_subject, true) + "\"";
  out += " to " + one_line(report.from.to_string(), true) + " was " + to_string(report.disposition) + ".\n";
  if (report.disposition == Disposition::displayed)
    out += "That does not mean that it was read or understood.\n";
  return out;
}

// RFC 8098 section 3.1.
std::string disposition_part(const DispositionReport& report, bool utf8) {
  std::string out;
  append_field(out, "Content-Type",
               utf8 ? "message/global-disposition-notification" : "message/disposition-notification", false);
  if (utf8) append_field(out, "Content-Transfer-Encoding", "8bit", false);
  out += "\r\n";
  if (!report.reporting_ua.empty()) append_field(out, "Reporting-UA", report.reporting_ua, false);
  if (!report.original_recipient.empty())
    append_field(out, "Original-Recipient", report.original_recipient, utf8);
  append_field(out, "Final-Recipient", typed_address(report.from, utf8), utf8);
  if (!report.original_message_id.empty())
    append_field(out, "Original-Message-ID", report.original_message_id, utf8);
  append_field(out, "Disposition",
               fmt::format("{}/{}; {}", report.automatic_action ? "automatic-action" : "manual-action",
                           report.sent_automatically ? "MDN-sent-automatically" : "MDN-sent-manually",
                           to_string(report.disposition)),
               false);
  return out;
}

// The header of the letter as the third part; what is 8-bit in it is packed, since it may be in any charset.
std::string returned_part(const std::string& header) {
  ReportFrame frame;
  frame.encode_base64 = has_8bit(header);
  std::string out;
  append_field(out, "Content-Type", frame.encode_base64 ? "message/global-headers" : "text/rfc822-headers",
               false);
  if (frame.encode_base64) append_field(out, "Content-Transfer-Encoding", "base64", false);
  out += "\r\n";
  ReturnedCopy copy(frame);
  copy.feed(header, out);
  copy.finish(out);
  return out;
}

}  // namespace

const char* to_string(Disposition disposition) {
  switch (disposition) {
    case Disposition::displayed:
      return "displayed";
    case Disposition::deleted:
      return "deleted";
    case Disposition::dispatched:
      return "dispatched";
    case Disposition::processed:
      return "processed";
  }
  return "processed";
}

std::string make_disposition_report(const DispositionReport& report, Random& random) {
  const bool utf8 = !report.from.is_ascii() || !report.to.is_ascii();
  const std::string boundary = make_boundary(random), delimiter = "--" + boundary + "\r\n";
  std::string out;
  append_field(out, "From", format_address("", report.from, utf8), utf8);
  append_field(out, "To", format_address("", report.to, utf8), utf8);
  append_text_field(out, "Subject", "Disposition: " + report.original_subject, utf8);
  append_field(out, "Date", format_date(report.date), false);
  append_field(out, "Message-ID", make_message_id(report.date, random, report.domain), false);
  if (!report.original_message_id.empty()) {
    append_field(out, "In-Reply-To", report.original_message_id, utf8);
    append_field(out, "References", report.original_message_id, utf8);
  }
  // RFC 3834 section 5.2: told by a person, or not.
  if (report.sent_automatically) append_field(out, "Auto-Submitted", "auto-replied", false);
  append_field(out, "MIME-Version", "1.0", false);
  append_field(
      out, "Content-Type",
      fmt::format("multipart/report; report-type=disposition-notification; boundary=\"{}\"", boundary),
      false);
  out += "\r\n" + delimiter + text_part(report.text.empty() ? usual_text(report) : report.text, "plain") +
         "\r\n";
  out += delimiter + disposition_part(report, utf8) + "\r\n";
  if (!report.original_header.empty()) out += delimiter + returned_part(report.original_header) + "\r\n";
  return out + "--" + boundary + "--\r\n";
}

}  // namespace posthouse::message
