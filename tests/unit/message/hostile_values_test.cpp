// Whatever values they get, our messages and reports have short lines, the fields they should have and the
// parts they should have.
#include <rapidcheck/gtest.h>

#include "base/ascii.h"
#include "message/builder.h"
#include "message/disposition_report.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/report.h"
#include "message/summary.h"
#include "support/seeded_random.h"

namespace posthouse::message {
namespace {

using test::SeededRandom;

std::string junk(int most = 12) {
  static const std::vector<std::string> kPieces = {"word",
                                                   " ",
                                                   "  ",
                                                   "\t",
                                                   "\r\n",
                                                   "\n",
                                                   "\r",
                                                   std::string(1, '\0'),
                                                   "\"",
                                                   "\\",
                                                   "=?",
                                                   "?=",
                                                   "=?utf-8?q?x?=",
                                                   "é",
                                                   "\xff",
                                                   "😀",
                                                   "@",
                                                   ",",
                                                   ";",
                                                   "<",
                                                   ">",
                                                   "(",
                                                   ")",
                                                   ":",
                                                   ".",
                                                   "--",
                                                   "%",
                                                   "'",
                                                   "日本語",
                                                   "\x7f",
                                                   "\r\nBcc: x@example.org\r\n",
                                                   "\r\n\r\nbody",
                                                   std::string(80, 'x'),
                                                   std::string(1000, 'y'),
                                                   std::string(5000, 'z'),
                                                   std::string(3000, ' ')};
  std::string out;
  for (int n = *rc::gen::inRange(0, most); n > 0; --n) out += *rc::gen::elementOf(kPieces);
  return out;
}

Address address() {
  return {*rc::gen::element<std::string>("joe", "jörg", "a \"b"),
          *rc::gen::element<std::string>("example.org", "exämple.org")};
}

size_t longest_line(std::string_view text) {
  size_t longest = 0, begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find("\r\n", begin);
    RC_ASSERT(end != std::string_view::npos);
    RC_ASSERT(text.substr(begin, end - begin).find_first_of(std::string_view("\r\n\0", 3)) ==
              std::string_view::npos);
    longest = std::max(longest, end - begin);
    begin = end + 2;
  }
  return longest;
}

void check(const std::string& message, size_t fields, size_t parts) {
  RC_ASSERT(longest_line(message) <= limits::kLine);
  HeaderReader reader(message);
  HeaderField field;
  size_t found = 0;
  for (; reader.next(field); ++found) RC_ASSERT(!iequals(field.name, "Bcc"));
  RC_ASSERT(found == fields);
  const Summary summary = summarize(message);
  RC_ASSERT(parts == (summary.root.is_multipart() ? summary.root.children.size() : 1));
}

RC_GTEST_PROP(HostileValues, OfAMessage, ()) {
  SeededRandom random;
  const bool utf8 = *rc::gen::arbitrary<bool>();
  MessageBuilder builder(utf8);
  if (*rc::gen::arbitrary<bool>()) builder.allow_8bit();
  const Address from = address();
  builder.from({junk(), from}).subject(junk()).field("X-Field", junk());
  builder.addresses("To", {{junk(3), {"a", "example.org"}}, {junk(3), {"b", "example.org"}}});
  builder.text(junk(60));
  const size_t attached = *rc::gen::inRange<size_t>(0, 3);
  for (size_t i = 0; i < attached; ++i)
    builder.attach(junk(), *rc::gen::element<std::string>("message/rfc822", "image/png"), junk(80));
  const std::string message = builder.build(random);
  // One part has its two fields; several have their type, and their encoding if one of them is 8bit.
  const bool tells_encoding = find_field(message, "Content-Transfer-Encoding").has_value();
  check(message, tells_encoding ? 7 : 6, attached + 1);
  if (attached == 0) RC_ASSERT(tells_encoding);
  const auto header = std::string_view(message).substr(0, header_size(message));
  if (!utf8 && from.local.find("ö") == std::string::npos) RC_ASSERT(!has_8bit(header));
}

RC_GTEST_PROP(HostileValues, OfADeliveryReport, ()) {
  SeededRandom random;
  Report report;
  report.reporting_mta = junk();
  report.from = {"postmaster", "example.org"};
  report.to = address();
  report.queue_id = junk(4);
  report.envelope_id = junk(4);
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    ReportRecipient& recipient = report.recipients.emplace_back();
    recipient.final = address();
    recipient.original = "utf-8;" + junk(4);
    recipient.status = junk(3);
    recipient.remote_mta = junk(3);
    recipient.action =
        *rc::gen::element(ReportAction::failed, ReportAction::delayed, ReportAction::delivered);
    recipient.diagnostic = junk();
    recipient.reason = junk();
    recipient.last_attempt = recipient.will_retry_until = SystemTime{};
  }
  report.utf8 = *rc::gen::arbitrary<bool>();
  report.returns_whole = *rc::gen::arbitrary<bool>();
  report.original_8bit_header = *rc::gen::arbitrary<bool>();
  const ReportFrame frame = make_report(report, random);
  std::string message = frame.head;
  ReturnedCopy copy(frame);
  copy.feed("Subject: x\r\n\r\n" + junk(60), message);
  copy.finish(message);
  check(message + frame.tail, 8, 3);
}

RC_GTEST_PROP(HostileValues, OfADispositionReport, ()) {
  SeededRandom random;
  DispositionReport report;
  report.from = address();
  report.to = address();
  report.original_recipient = junk(4);
  report.original_message_id = junk(4);
  report.original_subject = junk();
  report.original_header = "Subject: " + junk(30) + "\r\n";
  report.reporting_ua = junk(4);
  report.domain = "example.org";
  check(make_disposition_report(report, random), report.original_message_id.empty() ? 7 : 9, 3);
}

}  // namespace
}  // namespace posthouse::message
