#include "message/disposition_report.h"

#include <gmock/gmock.h>

#include "base/ascii.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/summary.h"
#include "message/transfer.h"
#include "support/seeded_random.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

using testing::HasSubstr;
using testing::Not;

DispositionReport usual_report() {
  DispositionReport report;
  report.from = {"bob", "example.org"};
  report.to = {"alice", "example.net"};
  report.original_message_id = "<1@example.net>";
  report.original_subject = "Grüße";
  report.domain = "mail.example.org";
  return report;
}

std::string made(const DispositionReport& report) {
  test::SeededRandom random;
  return make_disposition_report(report, random);
}

TEST(DispositionReport, IsAReportOfThreeParts) {
  auto report = usual_report();
  report.original_header = "Subject: x\nFrom: a@b\n";
  const std::string m = made(report);
  EXPECT_FALSE(has_8bit(m));
  const Summary s = summarize(m);
  EXPECT_EQ(s.root.subtype, "report");
  EXPECT_EQ(find_parameter(s.root.parameters, "report-type"), "disposition-notification");
  EXPECT_EQ(decode_words(s.envelope.subject), "Disposition: Grüße");
  EXPECT_EQ(s.envelope.in_reply_to, "<1@example.net>");
  EXPECT_EQ(s.envelope.from.at(0).mailbox, "bob");
  EXPECT_EQ(s.envelope.to.at(0).mailbox, "alice");
  EXPECT_THAT(m, Not(HasSubstr("Disposition-Notification-To")));
  ASSERT_EQ(s.root.children.size(), 3u);
  EXPECT_EQ(s.root.children[1].subtype, "disposition-notification");
  EXPECT_EQ(body_of(s.root.children[1], m),
            "Final-Recipient: rfc822;bob@example.org\r\nOriginal-Message-ID: <1@example.net>\r\n"
            "Disposition: manual-action/MDN-sent-manually; displayed\r\n");
  EXPECT_EQ(body_of(s.root.children[2], m), "Subject: x\r\nFrom: a@b\r\n");
}

TEST(DispositionReport, SaysWhatWasDoneByItself) {
  auto report = usual_report();
  report.disposition = Disposition::processed;
  report.automatic_action = report.sent_automatically = true;
  report.reporting_ua = "mail.example.org; Posthouse";
  report.original_recipient = "rfc822;team@example.org";
  report.original_message_id.clear();
  const std::string m = made(report);
  EXPECT_THAT(m, HasSubstr("Disposition: automatic-action/MDN-sent-automatically; processed\r\n"));
  EXPECT_THAT(
      m, HasSubstr(
             "Reporting-UA: mail.example.org; Posthouse\r\nOriginal-Recipient: rfc822;team@example.org\r\n"));
  EXPECT_THAT(m, HasSubstr("Auto-Submitted: auto-replied\r\n"));
  EXPECT_THAT(m, Not(HasSubstr("Original-Message-ID")));
  EXPECT_EQ(summarize(m).root.children.size(), 2u);
}

TEST(DispositionReport, TakesAddressesOfOtherScripts) {
  auto report = usual_report();
  report.from.local = "bøb";
  const Summary s = summarize(made(report));
  EXPECT_EQ(s.root.children.at(1).subtype, "global-disposition-notification");
  EXPECT_THAT(body_of(s.root.children[1], made(report)),
              HasSubstr("Final-Recipient: utf-8;bøb@example.org\r\n"));
}

TEST(DispositionReport, NothingAddsALine) {
  auto report = usual_report();
  const std::string evil = "x\r\nBcc: evil@example.org\r\n\r\nx";
  report.original_message_id = report.original_subject = report.original_recipient = report.reporting_ua =
      report.domain = evil;
  report.original_header = "Subject: " + std::string(3000, 'x') + "\r\n\r\n--=_";
  const std::string m = made(report);
  EXPECT_FALSE(find_field(m, "Bcc"));
  EXPECT_THAT(m, Not(HasSubstr("\r\nBcc")));
  EXPECT_EQ(summarize(m).root.children.size(), 3u);
  size_t begin = 0;
  for (size_t end; (end = m.find("\r\n", begin)) != std::string::npos; begin = end + 2)
    EXPECT_LE(end - begin, limits::kLine);
  report = usual_report();
  report.original_header = "Subject: \xe9\r\n";
  const std::string packed = made(report);
  EXPECT_FALSE(has_8bit(packed));
  EXPECT_EQ(decode_base64(body_of(summarize(packed).root.children.at(2), packed)), report.original_header);
}

}  // namespace
}  // namespace posthouse::message
