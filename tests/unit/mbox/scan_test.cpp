#include "mbox/scan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support.h"

namespace posthouse::mbox {
namespace {

const std::string kFrom = "From a@b Sat Nov 28 12:00:00 2020\n";

std::vector<std::string> messages(const std::string& text, size_t piece = SIZE_MAX) {
  const auto records = scan_text(text, piece);
  EXPECT_TRUE(records.has_value()) << (records ? "" : records.error().what);
  std::vector<std::string> out;
  for (const Record& record : records.value_or(std::vector<Record>())) {
    if (record.pseudo) continue;
    out.push_back(message_of(text, record));
    EXPECT_EQ(record.size, out.back().size());
    EXPECT_EQ(message_of(text, record, 1), out.back());
  }
  return out;
}

using testing::ElementsAre;

TEST(MboxScan, MboxoAndMboxrd) {
  const std::string text =
      kFrom + "Subject: x\n\n>From me\n>>From you\n>>Fro\nFrom here on\n\n" + kFrom + "A: b\n\nc\n\n";
  for (size_t piece : {size_t{1}, size_t{7}, SIZE_MAX}) {
    EXPECT_THAT(messages(text, piece),
                ElementsAre("Subject: x\r\n\r\nFrom me\r\n>From you\r\n>>Fro\r\nFrom here on\r\n",
                            "A: b\r\n\r\nc\r\n"));
  }
}

TEST(MboxScan, MboxclAndMboxcl2) {
  const std::string inner = kFrom + "not a message\n";
  const std::string cl2_body = "one\n\n" + inner + ">From is text\n";
  const std::string cl2 =
      kFrom + "Content-Length: " + std::to_string(cl2_body.size()) + "\nLines: 4\nS: x\n\n" + cl2_body + "\n";
  const std::string cl_body = ">From me\n";
  const std::string cl =
      kFrom + "S: y\nContent-Length: " + std::to_string(cl_body.size()) + "\n\n" + cl_body + "\n";
  std::string inner_crlf = inner;
  for (size_t at = 0; (at = inner_crlf.find('\n', at)) != std::string::npos; at += 2)
    inner_crlf.insert(at, "\r");
  for (size_t piece : {size_t{1}, SIZE_MAX}) {
    EXPECT_THAT(
        messages(cl2 + cl, piece),
        ElementsAre("S: x\r\n\r\none\r\n\r\n" + inner_crlf + ">From is text\r\n", "S: y\r\n\r\nFrom me\r\n"));
  }
  // The end of the file counts as well, with and without the blank line.
  EXPECT_EQ(messages(cl2).size(), 1U);
  EXPECT_EQ(messages(cl2.substr(0, cl2.size() - 1)).size(), 1U);
}

TEST(MboxScan, AContentLengthThatFitsNothingIsNotBelieved) {
  for (const char* length : {"3", "100000", "99999999999999999999", "18446744073709551615", "-1", "0"}) {
    const std::string text = kFrom + "Content-Length: " + length + "\n\nabcdef\n\n" + kFrom + "\nb\n\n";
    EXPECT_THAT(messages(text), ElementsAre("\r\nabcdef\r\n", "\r\nb\r\n")) << length;
  }
}

TEST(MboxScan, EndsOfMessages) {
  EXPECT_THAT(messages(""), ElementsAre());
  EXPECT_THAT(messages(kFrom), ElementsAre(""));
  EXPECT_THAT(messages(kFrom + "\n"), ElementsAre(""));
  EXPECT_THAT(messages(kFrom + "\n\n"), ElementsAre("\r\n"));
  EXPECT_THAT(messages(kFrom + "S: x\n\n"), ElementsAre("S: x\r\n"));
  EXPECT_THAT(messages(kFrom + "S: x\n\n\n"), ElementsAre("S: x\r\n\r\n"));
  EXPECT_THAT(messages(kFrom + "S: x\n\nno blank line\n" + kFrom + "\ntorn"),
              ElementsAre("S: x\r\n\r\nno blank line\r\n", "\r\ntorn"));
  EXPECT_THAT(messages(kFrom + "S: x\n\nb\n\n\n\n" + kFrom + "\n"),
              ElementsAre("S: x\r\n\r\nb\r\n\r\n\r\n", ""));
  EXPECT_TRUE(scan_text(kFrom + "\ntorn")->at(0).torn);
  EXPECT_FALSE(scan_text(kFrom + "\nwhole\n")->at(0).torn);
}

TEST(MboxScan, CrlfFilesAreReadAsTheyAre) {
  EXPECT_THAT(
      messages("From a@b Sat Nov 28 12:00:00 2020\r\nS: x\r\n\r\nbody\r\n\r\n" + kFrom + "S: y\n\nz\n"),
      ElementsAre("S: x\r\n\r\nbody\r\n", "S: y\r\n\r\nz\r\n"));
}

TEST(MboxScan, NulsAndHighOctetsStay) {
  const std::string odd("\0\xff\x80\0", 4);
  EXPECT_THAT(messages(kFrom + "S: " + odd + "\n\n" + odd + "\n\n"),
              ElementsAre("S: " + odd + "\r\n\r\n" + odd + "\r\n"));
}

TEST(MboxScan, NoMbox) {
  for (const char* text : {"\n", "Subject: x\n\nb\n", "From me\n", "From a@b Sat Nov 28 12:00:00 2020",
                           "\nFrom a@b Sat Nov 28 12:00:00 2020\n"}) {
    const auto records = scan_text(text);
    ASSERT_FALSE(records.has_value()) << text;
    EXPECT_EQ(records.error().kind, FaultKind::syntax);
  }
}

TEST(MboxScan, MetadataIsReadAndHidden) {
  const std::string text = kFrom +
                           "X-IMAPbase: 77 0000000009 foo bar   \nS: x\nStatus: RO\nX-Status: "
                           "AFDT\nX-Keywords: foo\n bar\nX-UID: 5\nT: y\n\nb\n\n" +
                           kFrom + "X-UID : 6\nstatus:  O\nS: z\n\nb\n\n" + kFrom + "X-UID: 6\n\n\n" + kFrom +
                           "X-UID: 10\n\n\n";
  const auto records = scan_text(text, 1);
  ASSERT_EQ(records->size(), 4U);
  const Record& first = records->at(0);
  EXPECT_EQ(first.base, (Base{77, 9, {"foo", "bar"}}));
  EXPECT_EQ(first.metadata, (Metadata{{true, true, true, true, true, true}, {"foo"}, 5}));
  EXPECT_EQ(message_of(text, first), "S: x\r\nT: y\r\n\r\nb\r\n");
  EXPECT_EQ(records->at(1).metadata, (Metadata{{false, true}, {}, 6}));
  EXPECT_EQ(records->at(2).metadata.uid, 0U) << "not above the one before";
  EXPECT_EQ(records->at(3).metadata.uid, 0U) << "above what was given";
  EXPECT_EQ(records->at(3).claimed_uid, 10U);
}

TEST(MboxScan, DigestKnowsNoMetadata) {
  const std::string plain = kFrom + "S: x\n\nb\n\n";
  const std::string marked = kFrom + "Status: RO\nS: x\nX-UID: 3\nX-Keywords: a b c      \n\nb\n";
  EXPECT_EQ(scan_text(plain)->at(0).digest, scan_text(marked, 1)->at(0).digest);
  EXPECT_NE(scan_text(plain)->at(0).raw, scan_text(marked)->at(0).raw);
  EXPECT_NE(scan_text(plain)->at(0).digest, scan_text(kFrom + "S: x\n\nc\n\n")->at(0).digest);
}

TEST(MboxScan, PseudoMessage) {
  const std::string text = kFrom +
                           "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 123 "
                           "0000000004 kw\nStatus: RO\n\nThis text is part of\n\n" +
                           kFrom + "X-UID: 4\nS: y\n\nb\n\n";
  const auto records = scan_text(text);
  ASSERT_EQ(records->size(), 2U);
  EXPECT_TRUE(records->at(0).pseudo);
  EXPECT_EQ(records->at(0).base, (Base{123, 4, {"kw"}}));
  EXPECT_FALSE(records->at(1).pseudo);
  EXPECT_EQ(records->at(1).metadata.uid, 4U);
}

TEST(MboxScan, HugeHeader) {
  const std::string huge = "S: " + std::string(300000, 'x') + "\n";
  const std::string text = kFrom + huge + "X-Keywords: " + std::string(200000, 'k') + "\nT: y\n\nb\n\n";
  for (size_t piece : {size_t{1000}, SIZE_MAX}) {
    const auto records = scan_text(text, piece);
    ASSERT_EQ(records->size(), 1U);
    EXPECT_EQ(message_of(text, records->at(0)), "S: " + std::string(300000, 'x') + "\r\nT: y\r\n\r\nb\r\n");
    EXPECT_EQ(records->at(0).size, message_of(text, records->at(0)).size());
  }
}

// Work, not seconds: twice the input is twice the work, also for what is meant to be costly.
TEST(MboxScan, WorkGrowsWithTheInput) {
  const std::vector<std::string> units = {kFrom + "Content-Length: 1000000\n\nFrom x\n\n",
                                          "From x\n",
                                          ">>>>>>>>>>>>>>>>From ",
                                          ">",
                                          "\n",
                                          kFrom + "X-Keywords: a b c d\n e\n f\n\n",
                                          "F",
                                          "From From ",
                                          "X-UID: 4\n",
                                          "Content-Length: 40\n",
                                          "\r\n"};
  for (const std::string& unit : units) {
    std::array<uint64_t, 2> work = {};
    for (size_t i = 0; i < 2; ++i) {
      std::string text = kFrom;
      while (text.size() < (100000U << i)) text += unit;
      ASSERT_TRUE(scan_text(text, 4096, &work[i]).has_value());
    }
    EXPECT_LT(work[1], work[0] * 22 / 10) << unit;
    EXPECT_LT(work[1], 200000U * 8) << unit;
  }
}

RC_GTEST_PROP(MboxScan, PiecesDontMatter, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      std::string(kFrom), "\n", "\r\n", "From ", ">", ">From x\n", "Content-Length: 12\n", "Status: R\n",
      "X-UID: 3\n", " more\n", "text", "S: x\n", "X-Posthouse-Form: open\n", std::string("\0", 1), "\r",
      "Lines: 2\n"));
  std::string text = kFrom;
  for (const std::string& word : words) text += word;
  const auto whole = scan_text(text);
  const auto pieces = scan_text(text, *rc::gen::inRange<size_t>(1, 9));
  RC_ASSERT(whole.has_value());
  RC_ASSERT(pieces->size() == whole->size());
  uint64_t at = 0;
  for (size_t i = 0; i < whole->size(); ++i) {
    const Record& a = whole->at(i);
    const Record& b = pieces->at(i);
    RC_ASSERT(a.offset == at);
    at = a.next;
    RC_ASSERT(a.digest == b.digest);
    RC_ASSERT(a.raw == b.raw);
    RC_ASSERT(a.size == b.size);
    RC_ASSERT(a.end == b.end);
    RC_ASSERT(message_of(text, a).size() == a.size);
    RC_ASSERT(message_of(text, a) == message_of(text, b, 3));
  }
  RC_ASSERT(at == text.size());
}

}  // namespace
}  // namespace posthouse::mbox
