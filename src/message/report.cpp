#include "message/report.h"

#include "base/ascii.h"
#include "message/builder.h"
#include "message/date.h"
#include "message/fold.h"
#include "message/limits.h"
#include "message/report_address.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kBase64Octets = 57;       // of a line of 76 characters
constexpr size_t kDiagnosticBytes = 2000;  // a peer's words are cut here

// "D.D.D" with up to three digits each and no leading zeros (RFC 3464 section 2.3.4).
bool is_status(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 3 || parts[0].size() != 1 || (text[0] != '2' && text[0] != '4' && text[0] != '5'))
    return false;
  for (auto part : parts) {
    if (part.empty() || part.size() > 3 || !parse_uint(part) || (part.size() > 1 && part[0] == '0'))
      return false;
  }
  return true;
}

std::string status_of(const ReportRecipient& r) {
  if (is_status(r.status)) return r.status;
  switch (r.action) {
    case ReportAction::failed:
      return "5.0.0";
    case ReportAction::delayed:
      return "4.0.0";
    default:
      return "2.0.0";
  }
}

std::string cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  return to_valid_utf8(text.substr(0, limit)) + "...";
}

bool any_8bit(const Report& report) {
  if (!report.to.is_ascii() || !report.from.is_ascii()) return true;
  for (const auto& r : report.recipients) {
    if (!r.final.is_ascii() || has_8bit(r.original) || has_8bit(r.diagnostic)) return true;
  }
  return false;
}

std::string status_group(const ReportRecipient& r, bool utf8) {
  std::string out = "\r\n";
  if (!r.original.empty()) {
    const bool encode = !utf8 && has_8bit(r.original) && istarts_with(r.original, "utf-8;");
    append_field(out, "Original-Recipient", encode ? "utf-8;" + to_unitext(r.original.substr(6)) : r.original,
                 utf8);
  }
  append_field(out, "Final-Recipient", typed_address(r.final, utf8), utf8);
  append_field(out, "Action", to_string(r.action), utf8);
  append_field(out, "Status", status_of(r), utf8);
  if (!r.remote_mta.empty()) append_field(out, "Remote-MTA", "dns; " + r.remote_mta, utf8);
  const bool spoken = !r.diagnostic.empty();
  if (spoken || !r.reason.empty()) {
    // RFC 3464 section 2.3.6: "smtp" for a peer's reply, else a type of our own.
    append_field(
        out, "Diagnostic-Code",
        (spoken ? "smtp; " : "X-Posthouse; ") + cut(spoken ? r.diagnostic : r.reason, kDiagnosticBytes),
        utf8);
  }
  if (r.last_attempt) append_field(out, "Last-Attempt-Date", format_date(*r.last_attempt), utf8);
  if (r.will_retry_until && r.action == ReportAction::delayed) {
    append_field(out, "Will-Retry-Until", format_date(*r.will_retry_until), utf8);
  }
  return out;
}

std::string status_part(const Report& report, bool utf8) {
  std::string out;
  append_field(out, "Content-Type", utf8 ? "message/global-delivery-status" : "message/delivery-status",
               false);
  if (utf8) append_field(out, "Content-Transfer-Encoding", "8bit", false);
  out += "\r\n";
  if (!report.envelope_id.empty()) append_field(out, "Original-Envelope-Id", report.envelope_id, utf8);
  append_field(out, "Reporting-MTA", "dns; " + report.reporting_mta, utf8);
  if (!report.queue_id.empty()) append_field(out, "X-Posthouse-Queue-Id", report.queue_id, utf8);
  if (report.arrival) append_field(out, "Arrival-Date", format_date(*report.arrival), utf8);
  for (const auto& recipient : report.recipients) out += status_group(recipient, utf8);
  return out;
}

ReportAction main_action(const Report& report) {
  for (const auto& r : report.recipients) {
    if (r.action == ReportAction::failed) return ReportAction::failed;
  }
  return report.recipients.empty() ? ReportAction::failed : report.recipients.front().action;
}

std::string subject_of(ReportAction action) {
  switch (action) {
    case ReportAction::failed:
      return "Undelivered mail returned to sender";
    case ReportAction::delayed:
      return "Delayed mail (still being retried)";
    default:
      return "Successful mail delivery report";
  }
}

std::string opening_of(ReportAction action) {
  switch (action) {
    case ReportAction::failed:
      return "Your message could not be delivered to one or more recipients. No further attempts will be "
             "made.\n"
             "The report attached below has the details; if you ask your postmaster for help, send it "
             "along.\n";
    case ReportAction::delayed:
      return "Your message has not been delivered to one or more recipients yet.\n"
             "You need not send it again: delivery is still being tried.\n";
    default:
      return "Your message was delivered to the recipients below.\n";
  }
}

std::string usual_text(const Report& report) {
  std::string out = "This is the mail system at " + one_line(report.reporting_mta, false) + ".\n\n";
  out += opening_of(main_action(report));
  for (const auto& r : report.recipients) {
    out += "\n<" + one_line(r.final.to_string(), true) + ">: " + to_string(r.action) + "\n";
    if (!r.remote_mta.empty()) out += "    host " + one_line(r.remote_mta, false) + " said:\n";
    const std::string why = cut(r.diagnostic.empty() ? r.reason : r.diagnostic, kDiagnosticBytes);
    if (!why.empty()) out += "    " + one_line(why, true) + "\n";
    if (r.action == ReportAction::delayed && r.will_retry_until) {
      out += "    delivery will be tried until " + format_date(*r.will_retry_until) + "\n";
    }
  }
  return out;
}

// The MIME header of the returned letter or header, and how it is encoded.
std::string returned_header(const Report& report, ReportFrame& frame) {
  const bool has_8bit_header = report.original_8bit_header;
  const bool eight = has_8bit_header || (report.returns_whole && report.original_8bit_body);
  std::string type = report.returns_whole ? "message/rfc822" : "text/rfc822-headers";
  if (has_8bit_header) {
    type = report.returns_whole ? "message/global" : "message/global-headers";
    frame.encode_base64 = !report.utf8;
  }
  std::string out;
  append_field(out, "Content-Type", type, false);
  append_field(out, "Content-Description",
               report.returns_whole ? "Undelivered message" : "Undelivered message headers", false);
  if (eight) append_field(out, "Content-Transfer-Encoding", frame.encode_base64 ? "base64" : "8bit", false);
  if (eight && !frame.encode_base64) frame.is_8bit = true;
  return out + "\r\n";
}

}  // namespace

const char* to_string(ReportAction action) {
  switch (action) {
    case ReportAction::failed:
      return "failed";
    case ReportAction::delayed:
      return "delayed";
    case ReportAction::delivered:
      return "delivered";
    case ReportAction::relayed:
      return "relayed";
    case ReportAction::expanded:
      return "expanded";
  }
  return "failed";
}

ReportFrame make_report(const Report& report, Random& random) {
  ReportFrame frame;
  const bool utf8 = report.utf8 && any_8bit(report);
  const ReportAction action = main_action(report);
  const std::string boundary = make_boundary(random);
  const std::string delimiter = "--" + boundary;
  std::string& out = frame.head;
  // The addresses of the report itself are written as they are: without SMTPUTF8 the caller has no other way
  // either.
  const bool utf8_header = !report.from.is_ascii() || !report.to.is_ascii();
  append_field(out, "From", "Mail Delivery System <" + report.from.to_string() + ">", utf8_header);
  append_field(out, "To", "<" + report.to.to_string() + ">", utf8_header);
  append_field(out, "Subject", subject_of(action), false);
  append_field(out, "Date", format_date(report.date), false);
  append_field(out, "Message-ID",
               report.message_id.empty() ? make_message_id(report.date, random, report.reporting_mta)
                                         : report.message_id,
               false);
  // RFC 3834 section 5: nobody should answer this automatically.
  append_field(out, "Auto-Submitted", "auto-replied", false);
  append_field(out, "MIME-Version", "1.0", false);
  append_field(out, "Content-Type",
               fmt::format("multipart/report; report-type=delivery-status; boundary=\"{}\"", boundary),
               false);
  out += "\r\nThis is a MIME-encapsulated message.\r\n\r\n";
  out += delimiter + "\r\n" + text_part(report.text.empty() ? usual_text(report) : report.text, "plain") +
         "\r\n";
  out += delimiter + "\r\n" + status_part(report, utf8) + "\r\n";
  out += delimiter + "\r\n" + returned_header(report, frame);
  frame.tail = "\r\n" + delimiter + "--\r\n";
  frame.is_8bit |= utf8 || utf8_header;
  // A message/global part needs no SMTPUTF8 of its own, but 8-bit header fields of the report do (RFC 6531).
  frame.is_utf8 = utf8_header || (report.original_8bit_header && !frame.encode_base64);
  return frame;
}

void ReturnedCopy::feed(std::string_view bytes, std::string& out) {
  if (base64_) {
    held_.append(bytes);
    const size_t whole = held_.size() / kBase64Octets * kBase64Octets;
    append_base64_lines(out, std::string_view(held_).substr(0, whole));
    held_.erase(0, whole);
    return;
  }
  for (char c : bytes) {
    if (std::exchange(after_cr_, false)) {
      out += "\r\n";
      width_ = 0;
      if (c == '\n') continue;
    }
    if (c == '\r') {
      after_cr_ = true;
    } else if (c == '\n') {
      out += "\r\n";
      width_ = 0;
    } else if (c != '\0') {
      if (width_ >= limits::kLine) {
        out += "\r\n";
        width_ = 0;
      }
      out += c;
      ++width_;
    }
  }
}

void ReturnedCopy::finish(std::string& out) {
  if (base64_) {
    append_base64_lines(out, held_);
    held_.clear();
  } else if (after_cr_ || width_ > 0) {
    out += "\r\n";
  }
  after_cr_ = false;
  width_ = 0;
}

}  // namespace posthouse::message
