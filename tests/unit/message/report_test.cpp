#include "message/report.h"

#include <rapidcheck/gtest.h>

#include "message/builder.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/transfer.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

// Counts up: tests need names that repeat.
class CountingRandom : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    for (auto& byte : out) byte = next_++;
  }

 private:
  unsigned char next_ = 1;
};

// CRLF line ends only, no line over 998 octets, no NUL.
bool is_clean(std::string_view m) {
  size_t width = 0;
  for (size_t i = 0; i < m.size(); ++i) {
    if (m[i] == '\0' || (m[i] == '\n' && (i == 0 || m[i - 1] != '\r')) ||
        (m[i] == '\r' && (i + 1 == m.size() || m[i + 1] != '\n'))) {
      return false;
    }
    width = m[i] == '\n' ? 0 : width + 1;
    if (width > limits::kLine + 1) return false;
  }
  return m.ends_with("\r\n");
}

Report failed_report() {
  Report report;
  report.reporting_mta = "mail.example.test";
  report.from = {"postmaster", "example.test"};
  report.to = {"alice", "example.test"};
  report.date = SystemTime{seconds(1795468453)};
  report.queue_id = "0q1w2e3r4t5y6";
  report.arrival = SystemTime{seconds(1795460000)};
  ReportRecipient r;
  r.final = {"bob", "away.test"};
  r.original = "rfc822;bob@old.test";
  r.status = "5.1.1";
  r.remote_mta = "mx.away.test";
  r.diagnostic = "550-5.1.1 No such user\r\n550 5.1.1 here";
  r.last_attempt = report.date;
  report.recipients.push_back(r);
  return report;
}

std::string whole(const Report& report, std::string_view original) {
  CountingRandom random;
  const ReportFrame frame = make_report(report, random);
  std::string out = frame.head;
  ReturnedCopy copy(frame);
  copy.feed(original, out);
  copy.finish(out);
  return out + frame.tail;
}

TEST(Report, HasThreeParts) {
  const std::string original = "From: alice@example.test\r\nSubject: hi\r\n\r\n";
  const std::string m = whole(failed_report(), original);
  EXPECT_TRUE(is_clean(m)) << m;
  const Summary s = summarize(m);
  EXPECT_EQ(s.root.subtype, "report");
  EXPECT_EQ(find_parameter(s.root.parameters, "report-type"), "delivery-status");
  ASSERT_EQ(s.root.children.size(), 3u);
  EXPECT_EQ(s.root.children[0].type + "/" + s.root.children[0].subtype, "text/plain");
  EXPECT_EQ(s.root.children[1].type + "/" + s.root.children[1].subtype, "message/delivery-status");
  EXPECT_EQ(s.root.children[2].type + "/" + s.root.children[2].subtype, "text/rfc822-headers");
  EXPECT_EQ(body_of(s.root.children[2], m), original);
  EXPECT_EQ(body_of(s.root.children[1], m),
            "Reporting-MTA: dns; mail.example.test\r\n"
            "X-Posthouse-Queue-Id: 0q1w2e3r4t5y6\r\n"
            "Arrival-Date: Mon, 23 Nov 2026 18:53:20 +0000\r\n"
            "\r\n"
            "Original-Recipient: rfc822;bob@old.test\r\n"
            "Final-Recipient: rfc822;bob@away.test\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns; mx.away.test\r\n"
            "Diagnostic-Code: smtp; 550-5.1.1 No such user  550 5.1.1 here\r\n"
            "Last-Attempt-Date: Mon, 23 Nov 2026 21:14:13 +0000\r\n");
  EXPECT_EQ(s.envelope.from.at(0).mailbox, "postmaster");
  EXPECT_EQ(s.envelope.to.at(0).mailbox, "alice");
  EXPECT_NE(body_of(s.root.children[0], m).find("<bob@away.test>"), std::string::npos);
  EXPECT_EQ(unfold(find_field(m, "Auto-Submitted")->value), "auto-replied");
}

TEST(Report, ReturnsTheWholeLetter) {
  Report report = failed_report();
  report.returns_whole = true;
  const std::string original = "Subject: hi\r\n\r\nbody";
  const Summary s = summarize(whole(report, original));
  ASSERT_TRUE(s.root.children.at(2).is_message());
  EXPECT_EQ(s.root.children[2].envelope->subject, "hi");
}

TEST(Report, DelayNamesTheEnd) {
  Report report = failed_report();
  report.recipients[0].action = ReportAction::delayed;
  report.recipients[0].status = "nonsense";
  report.recipients[0].will_retry_until = SystemTime{seconds(1795900000)};
  const std::string m = whole(report, "A: b\r\n");
  EXPECT_NE(m.find("Action: delayed\r\nStatus: 4.0.0\r\n"), std::string::npos);
  EXPECT_NE(m.find("Will-Retry-Until: Sat, 28 Nov 2026 21:06:40 +0000\r\n"), std::string::npos);
}

TEST(Report, Utf8AddressesTakeTheFormTheWayBackAllows) {
  Report report = failed_report();
  report.recipients[0].final = {"jøran", "blåbær.test"};
  report.original_8bit_header = true;
  const std::string original = "Subject: h\xc3\xa9\r\n\r\n";
  std::string m = whole(report, original);
  Summary s = summarize(m);
  EXPECT_FALSE(s.has_8bit_header || s.has_8bit_body);
  EXPECT_NE(m.find("Final-Recipient: utf-8;j\\x{F8}ran@bl\\x{E5}b\\x{E6}r.test\r\n"), std::string::npos);
  EXPECT_EQ(s.root.children.at(1).subtype, "delivery-status");
  EXPECT_EQ(s.root.children.at(2).subtype, "global-headers");
  EXPECT_EQ(decode_base64(body_of(s.root.children[2], m)), original);

  report.utf8 = true;
  m = whole(report, original);
  s = summarize(m);
  EXPECT_NE(m.find("Final-Recipient: utf-8;jøran@blåbær.test\r\n"), std::string::npos);
  EXPECT_EQ(s.root.children.at(1).subtype, "global-delivery-status");
  EXPECT_EQ(body_of(s.root.children.at(2), m), original);
  CountingRandom random;
  const ReportFrame frame = make_report(report, random);
  EXPECT_TRUE(frame.is_8bit);
  EXPECT_TRUE(frame.is_utf8);
}

TEST(Report, NothingCanAddALine) {
  using namespace std::string_literals;
  const std::string evil = "x\r\nBcc: evil@x\r\n\r\nbody\n.\r\n\0y"s + std::string(5000, 'z');
  Report report = failed_report();
  report.queue_id = report.envelope_id = evil;
  report.reporting_mta = evil;
  report.to = {evil, evil};
  report.recipients[0].final = {evil, evil};
  report.recipients[0].original = report.recipients[0].remote_mta = report.recipients[0].diagnostic = evil;
  const std::string m = whole(report, "A: " + std::string(3000, 'a') + "\nB: b\rc");
  EXPECT_TRUE(is_clean(m));
  EXPECT_FALSE(find_field(m, "Bcc").has_value());
  const Summary s = summarize(m);
  ASSERT_EQ(s.root.children.size(), 3u);
  EXPECT_FALSE(find_field(body_of(s.root.children[1], m), "Bcc").has_value());
}

TEST(ReturnedCopy, PiecesMakeNoDifference) {
  const std::string original = "a\r\nb\nc\rd\r\r\n" + std::string(2500, 'x') + "\r\nend";
  for (bool base64 : {false, true}) {
    ReportFrame frame;
    frame.encode_base64 = base64;
    std::string one, other;
    ReturnedCopy whole_copy(frame), pieces(frame);
    whole_copy.feed(original, one);
    whole_copy.finish(one);
    for (char c : original) pieces.feed(std::string_view(&c, 1), other);
    pieces.finish(other);
    EXPECT_EQ(one, other);
    EXPECT_TRUE(is_clean(one));
    EXPECT_EQ(base64 ? decode_base64(one) : original, original);
  }
}

TEST(Builder, WritesAMessageWithAttachments) {
  CountingRandom random;
  const std::string m =
      MessageBuilder()
          .from({"Pöst", {"postmaster", "example.test"}})
          .to({"", {"alice", "example.test"}})
          .subject("Grüße an alle, die diese lange Betreffzeile lesen, und noch viel mehr Wörter")
          .date(SystemTime{seconds(0)})
          .message_id("a@b")
          .text("Hällo\nWorld\n")
          .attach("naïve \"x\".txt", "text/x-notes", std::string(200, '\0'))
          .attach("", "application/octet-stream", "x")
          .build(random);
  EXPECT_TRUE(is_clean(m)) << m;
  const Summary s = summarize(m);
  EXPECT_FALSE(s.has_8bit_header || s.has_8bit_body);
  EXPECT_EQ(decode_words(s.envelope.subject),
            "Grüße an alle, die diese lange Betreffzeile lesen, und noch viel mehr Wörter");
  EXPECT_EQ(decode_words(s.envelope.from.at(0).name), "Pöst");
  EXPECT_EQ(s.envelope.message_id, "<a@b>");
  ASSERT_EQ(s.root.children.size(), 3u);
  EXPECT_EQ(decode_quoted_printable(body_of(s.root.children[0], m)), "Hällo\r\nWorld");
  EXPECT_EQ(parameter_text(s.root.children[1].disposition_parameters, "filename"), "naïve \"x\".txt");
  EXPECT_EQ(decode_base64(body_of(s.root.children[1], m)), std::string(200, '\0'));
}

TEST(Builder, PlainTextStaysPlain) {
  CountingRandom random;
  EXPECT_EQ(MessageBuilder().subject("hi").text("one\ntwo").build(random),
            "Subject: hi\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
            "Content-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\n");
  EXPECT_EQ(MessageBuilder(true).subject("hé").build(random), "Subject: hé\r\nMIME-Version: 1.0\r\n\r\n");
}

RC_GTEST_PROP(Fold, LinesAreShortAndComeBack, ()) {
  const auto value = *rc::gen::container<std::string>(
      rc::gen::weightedElement<char>({{20, 'a'}, {3, ' '}, {1, '\r'}, {1, '\n'}, {1, '\0'}, {1, '\xe9'}}));
  std::string out;
  append_field(out, "Name", value, true);
  RC_ASSERT(is_clean(out));
  const auto fields = find_fields(out, "name");
  RC_ASSERT(fields.size() == 1u);
  RC_ASSERT(fields[0].end == out.size());
}

TEST(Fold, FoldsAtBlanksAndBreaksLongWords) {
  std::string out;
  append_field(out, "References", std::string(60, 'a') + " " + std::string(60, 'b'), false);
  EXPECT_EQ(out, "References: " + std::string(60, 'a') + "\r\n " + std::string(60, 'b') + "\r\n");
  out.clear();
  append_field(out, "X", std::string(3000, 'a'), false);
  EXPECT_TRUE(is_clean(out));
  out.clear();
  append_field(out, "X", "", false);
  EXPECT_EQ(out, "X:\r\n");
}

}  // namespace
}  // namespace posthouse::message
