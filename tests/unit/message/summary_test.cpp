#include "message/summary.h"

#include <rapidcheck/gtest.h>

#include "message/headers.h"
#include "message/limits.h"
#include "message/scan.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

// "type/subtype[octets,lines](children)" for the whole tree.
std::string shape(const Part& part) {
  std::string out = part.type + "/" + part.subtype + "[" + std::to_string(part.body_end - part.body_begin) +
                    "," + std::to_string(part.body_lines) + "]";
  if (part.children.empty()) return out;
  out += "(";
  for (const auto& child : part.children) out += (&child == &part.children.front() ? "" : " ") + shape(child);
  return out + ")";
}

const std::string kTwoParts = crlf(
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=\"b\"\n"
    "\n"
    "preamble\n"
    "--b\n"
    "\n"
    "one\n"
    "--b\n"
    "Content-Type: text/html; charset=utf-8\n"
    "\n"
    "two\n"
    "lines\n"
    "\n"
    "--b--\n"
    "epilogue\n");

TEST(Summary, FindsParts) {
  const Summary s = summarize(kTwoParts);
  EXPECT_EQ(shape(s.root), "multipart/mixed[100,12](TEXT/PLAIN[3,0] text/html[12,2])");
  EXPECT_EQ(s.size, kTwoParts.size());
  EXPECT_FALSE(s.truncated);
  EXPECT_EQ(body_of(s.root.children[0], kTwoParts), "one");
  EXPECT_EQ(body_of(s.root.children[1], kTwoParts), "two\r\nlines\r\n");
  const Part& second = s.root.children[1];
  EXPECT_EQ(kTwoParts.substr(second.header_begin, second.body_begin - second.header_begin),
            "Content-Type: text/html; charset=utf-8\r\n\r\n");
}

TEST(Summary, BareLineFeedsAreLineEnds) {
  std::string lf = kTwoParts;
  std::erase(lf, '\r');
  const Summary s = summarize(lf);
  ASSERT_EQ(s.root.children.size(), 2u);
  EXPECT_EQ(body_of(s.root.children[0], lf), "one");
  EXPECT_EQ(body_of(s.root.children[1], lf), "two\nlines\n");
  EXPECT_EQ(s.root.children[1].body_lines, 2u);
}

struct ShapeCase {
  std::string what, message, expected;
};

TEST(Summary, ReadsOddStructures) {
  const std::string head = "Content-Type: multipart/mixed; boundary=b\n\n";
  const std::vector<ShapeCase> cases = {
      {"empty message", "", "TEXT/PLAIN[0,0]"},
      {"only an empty line", "\n", "TEXT/PLAIN[0,0]"},
      {"no header", "hello\n", "TEXT/PLAIN[7,1]"},
      {"header without body", "A: b\n", "TEXT/PLAIN[0,0]"},
      {"header cut off", "A: b", "TEXT/PLAIN[0,0]"},
      {"last line without end", "A: b\n\none\ntwo", "TEXT/PLAIN[8,1]"},
      {"no closing boundary", head + "--b\n\none\n", "multipart/mixed[12,3](TEXT/PLAIN[5,1])"},
      {"no parts", head + "text\n", "multipart/mixed[6,1]"},
      {"only a closing boundary", head + "--b--\n", "multipart/mixed[7,1]"},
      {"no boundary parameter", "Content-Type: multipart/mixed\n\n--b\n\none\n", "multipart/mixed[12,3]"},
      {"empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n",
       "multipart/mixed[11,3]"},
      {"blanks behind the boundary", head + "--b \t\n\none\n--b-- \n",
       "multipart/mixed[22,4](TEXT/PLAIN[3,0])"},
      {"boundary in the form of RFC 2231",
       "Content-Type: multipart/mixed; boundary*=us-ascii''b%5F\n\n--b_\n\none\n--b_--\n",
       "multipart/mixed[21,4](TEXT/PLAIN[3,0])"},
      {"the boundary of a closed multipart is the outer one's too",
       head +
           "--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n\n--b\n\ntwo\n--b--\n",
       "multipart/mixed[96,12](multipart/alternative[19,4](TEXT/PLAIN[3,0]) TEXT/PLAIN[3,0])"},
      {"a line that is no field behind the type", "Content-Type: text/html\nJunk html\n\none\n",
       "text/html[5,1]"},
      {"text behind the boundary is none", head + "--bb\n--b c\n", "multipart/mixed[13,2]"},
      {"part without header or empty line", head + "--b\none\n--b--\n",
       "multipart/mixed[17,3](TEXT/PLAIN[3,0])"},
      {"part with header but no empty line", head + "--b\nA: b\n--b--\n",
       "multipart/mixed[18,3](TEXT/PLAIN[0,0])"},
      {"empty part", head + "--b\n\n--b--\n", "multipart/mixed[14,3](TEXT/PLAIN[0,0])"},
      {"boundaries only", head + "--b\n--b\n--b--\n",
       "multipart/mixed[17,3](TEXT/PLAIN[0,0] TEXT/PLAIN[0,0])"},
      {"inner boundary begins like the outer",
       head + "--b\nContent-Type: multipart/alternative; "
              "boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n",
       "multipart/mixed[97,11](multipart/alternative[19,3](TEXT/PLAIN[3,0]) TEXT/PLAIN[3,0])"},
      {"outer boundary begins like the inner",
       "Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/mixed; "
       "boundary=b\n\n--b\n\none\n"
       "--bb\n\ntwo\n--bb--\n",
       "multipart/mixed[84,10](multipart/mixed[10,2](TEXT/PLAIN[3,0]) TEXT/PLAIN[3,0])"},
      {"inner closing boundary is missing",
       head + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n",
       "multipart/mixed[81,10](multipart/mixed[10,2](TEXT/PLAIN[3,0]) TEXT/PLAIN[3,0])"},
      {"boundary in the epilogue", head + "--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
       "multipart/mixed[38,8](TEXT/PLAIN[3,0])"},
      {"boundary ends the message without a line end", head + "--b\n\none\n--b--",
       "multipart/mixed[17,3](TEXT/PLAIN[3,0])"},
      {"boundary ends in dashes",
       "Content-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\none\n--b----\n",
       "multipart/mixed[23,4](TEXT/PLAIN[3,0])"},
      {"embedded message", "Content-Type: message/rfc822\n\nSubject: in\n\nhello\nyou\n",
       "message/rfc822[27,4](TEXT/PLAIN[12,2])"},
      {"embedded message without header", head + "--b\nContent-Type: message/rfc822\n\nhello\n--b--\n",
       "multipart/mixed[51,5](message/rfc822[5,0](TEXT/PLAIN[5,0]))"},
      {"embedded message cut by the boundary",
       head + "--b\nContent-Type: message/rfc822\n\nSubject: x\n--b--\n",
       "multipart/mixed[56,5](message/rfc822[10,0](TEXT/PLAIN[0,0]))"},
      {"embedded multipart", "Content-Type: message/rfc822\n\n" + head + "--b\n\none\n--b--\n",
       "message/rfc822[64,6](multipart/mixed[19,4](TEXT/PLAIN[3,0]))"},
      {"encoded embedded message stays whole",
       "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA\n", "message/rfc822[6,1]"},
      {"digest",
       "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: 1\n\none\n--b\nContent-Type: "
       "text/html\n\ntwo\n--b--\n",
       "multipart/digest[70,10](MESSAGE/RFC822[17,2](TEXT/PLAIN[3,0]) text/html[3,0])"},
      {"no slash in the type", "Content-Type: text\n\nx\n", "TEXT/PLAIN[3,1]"},
      {"comment in the type", "Content-Type: text (c) / (d) html (e); a=b\n\nx\n", "text/html[3,1]"},
      {"mbox line in front", "From joe Mon\nContent-Type: text/html\n\nx\n", "text/html[3,1]"},
      {"folded boundary", "Content-Type: multipart/mixed;\n boundary=\"b\"\n\n--b\n\none\n--b--\n",
       "multipart/mixed[19,4](TEXT/PLAIN[3,0])"},
      {"boundary in RFC 2231 pieces",
       "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\none\n--ab--\n",
       "multipart/mixed[21,4](TEXT/PLAIN[3,0])"},
  };
  for (const auto& c : cases) {
    const std::string message = crlf(c.message);
    EXPECT_EQ(shape(summarize(message).root), c.expected) << c.what;
    EXPECT_EQ(shape(summarize_in_pieces(message, 1).root), c.expected) << c.what << ", byte by byte";
  }
}

TEST(Summary, CountsAndNotices) {
  const Summary s = summarize(
      crlf("Received: a\nReceived: b\n c\nX: 1\nreceived: d\nDate: 31 Dec 1969 23:30:00 -0500\n\nbody\n"));
  EXPECT_EQ(s.received_count, 3u);
  EXPECT_TRUE(s.has_date);
  EXPECT_EQ(s.date_seconds, 4 * 3600 + 1800);
  EXPECT_EQ(s.date_offset_minutes, -300);
  EXPECT_FALSE(s.has_8bit_header);
  EXPECT_FALSE(s.has_8bit_body);
  EXPECT_TRUE(summarize("Subject: \xc3\xa9\r\n\r\n").has_8bit_header);
  EXPECT_FALSE(summarize("Subject: \xc3\xa9\r\n\r\n").has_8bit_body);
  EXPECT_TRUE(summarize("Subject: a\r\n\r\n" + std::string(100, 'a') + "\xc3\xa9").has_8bit_body);
  EXPECT_FALSE(summarize("Subject: a\r\n\r\n\xc3\xa9").has_8bit_header);
  EXPECT_FALSE(summarize("Date: soon\r\n\r\n").has_date);
}

TEST(Summary, JoinsRepeatedAddressFieldsAndTakesTheFirstOfOthers) {
  const Summary s = summarize("From: a@b\r\nFrom: c@d\r\nSubject: one\r\nSubject: two\r\n\r\n");
  EXPECT_EQ(s.envelope.from.size(), 2u);
  EXPECT_EQ(s.envelope.subject, "one");
}

TEST(Scan, FindsAnEighthBitAnywhere) {
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\x7f');
    ASSERT_FALSE(scan_8bit(bytes)) << size;
    for (size_t at = 0; at < size; ++at) {
      bytes[at] = '\x80';
      ASSERT_TRUE(scan_8bit(bytes)) << size << " " << at;
      bytes[at] = '\x7f';
    }
  }
}

TEST(FindPart, FollowsSectionNumbers) {
  // RFC 9051 section 6.4.5.1, its example of part specifiers
  const std::string m = crlf(
      "Content-Type: multipart/mixed; boundary=a\n\n"
      "--a\nContent-Type: text/plain\n\n1\n"
      "--a\nContent-Type: application/octet-stream\n\n2\n"
      "--a\nContent-Type: message/rfc822\n\n"
      "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/plain\n\n3.1\n"
      "--c\nContent-Type: application/octet-stream\n\n3.2\n--c--\n"
      "--a\nContent-Type: multipart/mixed; boundary=d\n\n--d\nContent-Type: image/gif\n\n4.1\n"
      "--d\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=e\n\n"
      "--e\nContent-Type: text/plain\n\n4.2.1\n--e\nContent-Type: multipart/alternative; boundary=f\n\n"
      "--f\nContent-Type: text/plain\n\n4.2.2.1\n--f\nContent-Type: "
      "text/richtext\n\n4.2.2.2\n--f--\n--e--\n--d--\n"
      "--a--\n");
  const Summary s = summarize(m);
  const std::vector<std::pair<std::vector<uint32_t>, std::string>> leaves = {
      {{1}, "1"},      {{2}, "2"},           {{3, 1}, "3.1"},           {{3, 2}, "3.2"},
      {{4, 1}, "4.1"}, {{4, 2, 1}, "4.2.1"}, {{4, 2, 2, 1}, "4.2.2.1"}, {{4, 2, 2, 2}, "4.2.2.2"}};
  for (const auto& [section, text] : leaves) {
    const Part* part = find_part(s, section);
    ASSERT_NE(part, nullptr) << text;
    EXPECT_EQ(body_of(*part, m), text);
  }
  EXPECT_EQ(find_part(s, {}), &s.root);
  EXPECT_TRUE(find_part(s, {3})->is_message());
  EXPECT_TRUE(find_part(s, {4, 2})->is_message());
  for (const std::vector<uint32_t>& none :
       std::vector<std::vector<uint32_t>>{{0}, {5}, {1, 1}, {3, 3}, {4, 2, 2, 3}, {3, 1, 1}}) {
    EXPECT_EQ(find_part(s, none), nullptr);
  }
  const Summary plain = summarize("A: b\r\n\r\ntext");
  EXPECT_EQ(find_part(plain, {1}), &plain.root);
  EXPECT_EQ(find_part(plain, {2}), nullptr);
  EXPECT_EQ(find_part(plain, {1, 1}), nullptr);
  const Summary wrapped = summarize("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ntext");
  EXPECT_EQ(find_part(wrapped, {1}), &wrapped.root);
  EXPECT_EQ(find_part(wrapped, {1, 1}), &wrapped.root.children[0]);
}

// Any size of pieces gives the same record.
TEST(Summary, PiecesMakeNoDifference) {
  for (const std::string& m :
       {kTwoParts, std::string("a"), std::string("\r"), std::string("\r\n\r"), std::string("--b\r\n")}) {
    const std::string whole = encode(summarize(m));
    for (size_t piece = 1; piece < 20; ++piece)
      EXPECT_EQ(encode(summarize_in_pieces(m, piece)), whole) << piece;
  }
}

RC_GTEST_PROP(Summary, PiecesNeverMakeADifference, ()) {
  const auto lines = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "Content-Type: multipart/mixed; boundary=b", "Content-Type: multipart/digest; boundary=bb",
      "Content-Type: message/rfc822", "", "", "", "--b", "--b--", "--bb", "--bb--", "-", "text", "A: b",
      " folded", "\xc3\xa9", "From joe", "\r", "Subject: x\r"));
  const auto ends = *rc::gen::element<std::string>("\r\n", "\n");
  const auto piece = *rc::gen::inRange<size_t>(1, 30);
  std::string m;
  for (const auto& line : lines) m += line + ends;
  const Summary whole = summarize(m);
  RC_ASSERT(encode(whole) == encode(summarize_in_pieces(m, piece)));
  RC_ASSERT(whole.root.body_begin == header_size(m));
  RC_ASSERT(whole.size == m.size());
}

TEST(Limits, DeepNestingEndsInAWholePart) {
  std::string m;
  for (int i = 0; i < 100'000; ++i) {
    m += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\r\n\r\n--b" + std::to_string(i) +
         "\r\n";
  }
  const Summary s = summarize(m);
  EXPECT_TRUE(s.truncated);
  EXPECT_EQ(s.size, m.size());
  size_t depth = 0;
  for (const Part* p = &s.root; !p->children.empty(); p = &p->children[0]) ++depth;
  EXPECT_EQ(depth, limits::kNesting - 1);
  EXPECT_TRUE(decode(encode(s)).has_value());
  EXPECT_TRUE(is_imap_list(structure_of(m, true), false));
}

TEST(Limits, EmbeddedMessagesCountAsNesting) {
  std::string m;
  for (int i = 0; i < 10'000; ++i) m += "Content-Type: message/rfc822\r\n\r\n";
  const Summary s = summarize(m);
  EXPECT_TRUE(s.truncated);
  EXPECT_TRUE(decode(encode(s)).has_value());
  EXPECT_TRUE(is_imap_list(structure_of(m, true), false));
}

TEST(Limits, ManyPartsAreCut) {
  std::string m = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (size_t i = 0; i < limits::kParts + 5000; ++i) m += "--b\r\n";
  const Summary s = summarize(m);
  EXPECT_TRUE(s.truncated);
  EXPECT_EQ(s.root.children.size(), limits::kParts - 1);
  EXPECT_EQ(s.root.body_end, m.size());
}

TEST(Limits, ManyAddressesAreCut) {
  std::string m = "To: ";
  for (int i = 0; i < 100'000; ++i) m += "a@b,\r\n ";
  const Summary s = summarize(m + "\r\n\r\nbody");
  EXPECT_TRUE(s.truncated);
  EXPECT_EQ(s.envelope.to.size(), limits::kAddresses);
}

TEST(Limits, AHugeHeaderIsCutAndTheBodyStillFound) {
  std::string m = "Subject: first\r\nX-Fill: " + std::string(3 << 20, 'x') + "\r\nTo: a@b\r\n\r\nbody\r\n";
  const Summary s = summarize(m);
  EXPECT_TRUE(s.truncated);
  EXPECT_EQ(s.envelope.subject, "first");
  EXPECT_EQ(body_of(s.root, m), "body\r\n");
  EXPECT_EQ(encode(s), encode(summarize_in_pieces(m, 1000)));
}

TEST(Limits, TheRecordStaysSmall) {
  std::string m = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const std::string part = "--b\r\nContent-Description: " + std::string(1000, 'd') + "\r\n\r\n";
  for (int i = 0; i < 5000; ++i) m += part;
  const Summary s = summarize(m);
  EXPECT_TRUE(s.truncated);
  EXPECT_LT(encode(s).size(), limits::kKeptText + 5000 * 40);
}

TEST(Limits, ManyParametersAreCut) {
  std::string m = "Content-Type: text/plain";
  for (int i = 0; i < 100'000; ++i) m += "; a*" + std::to_string(i) + "=x";
  const Summary s = summarize(m + "\r\n\r\n");
  EXPECT_TRUE(s.truncated);
  ASSERT_EQ(s.root.parameters.size(), 1u);
  EXPECT_EQ(s.root.parameters[0].second, std::string(limits::kParameters, 'x'));
}

// Bytes are counted in vectors, whose sums must not overflow.
TEST(Scan, CountsLineFeedsInTextsOfAllLengths) {
  for (size_t size :
       {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 100, 4063, 4064, 4065, 8128, 8160, 16384, 100'003}) {
    std::string text(size, '\n');
    EXPECT_EQ(scan(text).line_feeds, size);
    EXPECT_FALSE(scan(text).has_8bit);
    for (size_t at = 0; at < size; at += size / 37 + 1) {
      text[at] = '\x80';
      const ScanResult seen = scan(text);
      EXPECT_TRUE(seen.has_8bit) << size << ' ' << at;
      EXPECT_EQ(seen.line_feeds, size - 1);
      text[at] = '\n';
    }
  }
}

}  // namespace
}  // namespace posthouse::message
