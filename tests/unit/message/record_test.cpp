// The stored record: what it carries beside envelope and structure, its older version, damage.
#include "message/record_format.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "message/body_lists.h"
#include "message/limits.h"
#include "message/transfer.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

using testing::ElementsAre;

Overview overview_of(const std::string& message) {
  return read_overview(encode(summarize(message))).value();
}

std::string preview(const std::string& message) {
  return overview_of(crlf(message)).preview;
}

const std::string kLetter = crlf(
    "From: a@b\nMessage-ID: <\"m\"@x> (first)\nIn-Reply-To: <2@x>\nReferences: <1@x>\n <\"q r\"@x> <2@x>\n"
    "Subject: Re: [list] =?utf-8?q?gr=C3=BC=C3=9Fe?=\n"
    "Content-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: multipart/alternative; boundary=c\n\n"
    "--c\n\nHello,\n> quoted\nyou\n--c\nContent-Type: text/html\n\n<p>html\n--c--\n"
    "--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: "
    "base64\n\nAAAA\nAA==\n--b--\n");

TEST(Overview, IsInTheRecord) {
  const Overview overview = overview_of(kLetter);
  EXPECT_EQ(overview.preview, "Hello, you");
  EXPECT_EQ(overview.subject.text, "grüße");
  EXPECT_TRUE(overview.subject.reply_or_forward);
  EXPECT_EQ(overview.message_id, "m@x");
  EXPECT_THAT(overview.references, ElementsAre("1@x", "\"q r\"@x", "2@x"));
  EXPECT_TRUE(overview.has_attachment);
  EXPECT_EQ(decode(encode(summarize(kLetter))).value().overview, overview);
}

TEST(Overview, GivesTheThreadBaseOfTheHeader) {
  const Summary s = summarize(kLetter);
  const ThreadBase expected = thread_base(kLetter), base = s.overview->thread_base(s.envelope.in_reply_to);
  EXPECT_EQ(base.message_id, expected.message_id);
  EXPECT_EQ(base.references, expected.references);
  EXPECT_EQ(base.subject, expected.subject);
  const Summary only_reply = summarize("In-Reply-To: Your letter <\"a\"@b> <c@d>\r\n\r\n");
  EXPECT_THAT(only_reply.overview->thread_base(only_reply.envelope.in_reply_to).references,
              ElementsAre("a@b"));
}

TEST(Overview, ShowsTheTextToRead) {
  const std::string alternative = "Content-Type: multipart/alternative; boundary=b\n\n";
  const std::string html = "--b\nContent-Type: text/html\n\n<p>html</p>\n";
  EXPECT_EQ(preview(alternative + "--b\n\nplain\n" + html + "--b--\n"), "plain");
  EXPECT_EQ(preview(alternative + html + "--b\n\nplain\n--b--\n"), "plain");
  EXPECT_EQ(preview(alternative + "--b\n\n \n\n" + html + "--b--\n"), "html")
      << "where the plain text is blank";
  const std::string mixed = "Content-Type: multipart/mixed; boundary=b\n\n";
  EXPECT_EQ(preview(mixed + html + "--b\n\nfooter of the list\n--b--\n"), "html");
  EXPECT_EQ(preview(mixed + "--b\nContent-Disposition: attachment\n\nattached\n" + html + "--b--\n"), "html");
  EXPECT_EQ(preview(mixed + "--b\nContent-Type: message/rfc822\n\nSubject: x\n\nembedded\n--b--\n"), "");
  EXPECT_EQ(preview("Content-Type: message/rfc822\n\nSubject: x\n\nembedded\n"), "");
  EXPECT_EQ(preview("no header\n"), "no header");
  EXPECT_EQ(preview("\n--b\n"), "--b");
  EXPECT_EQ(preview(mixed + "--b\n\n--\n-\n--c\n--b"), "-- - --c");
}

TEST(Overview, TellsAttachments) {
  const auto attached = [](const std::string& message) { return overview_of(crlf(message)).has_attachment; };
  EXPECT_FALSE(attached("\ntext\n"));
  EXPECT_TRUE(attached("Content-Type: application/pdf\n\nx\n"));
  EXPECT_FALSE(attached("Content-Type: application/pdf\nContent-Disposition: inline\n\nx\n"));
}

TEST(Overview, KeepsTheEldestAndTheLastReferences) {
  std::string message = "References:";
  for (int i = 0; i < 500; ++i) message += " <" + std::to_string(i) + "@x>\r\n";
  const auto ids = overview_of(message + "\r\n").references;
  ASSERT_EQ(ids.size(), limits::kKeptReferences);
  EXPECT_EQ(ids.front(), "0@x");
  EXPECT_EQ(ids[1], std::to_string(501 - limits::kKeptReferences) + "@x");
  EXPECT_EQ(ids.back(), "499@x");
}

// What version 1 wrote of kLetter; it stays readable.
TEST(Record, Version1IsRead) {
  const std::string old = decode_base64(
      "AQCtAwAAAEkOJlJlOiBbbGlzdF0gPT91dGYtOD9xP2dyPUMzPUJDPUMzPTlGZT89BTwyQHg+DzwibSJAeD4gKGZpcnN0KQEMAWEB"
      "YgAAAAAAgQQJbXVsdGlwYXJ0BW1peGVkAQhib3VuZGFyeQFiAL8B7gEUAoEECW11bHRpcGFydAthbHRlcm5hdGl2ZQEIYm91bmRh"
      "cnkBY8QBM0wJAgEEVEVYVAVQTEFJTgEHQ0hBUlNFVAhVUy1BU0NJSfwBAhUCAAR0ZXh0BGh0bWyaAhsHAAkLYXBwbGljYXRpb24D"
      "cGRmAQRuYW1lBWEucGRmBmJhc2U2NMoCUAoB");
  const Result<Summary> back = decode(old);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode(*back), old);
  EXPECT_FALSE(back->overview.has_value());
  EXPECT_EQ(back->root.children[1].content_size(), std::nullopt) << "not known";
  EXPECT_EQ(back->root.children[0].children[0].content_size(), 21u);
  EXPECT_FALSE(read_overview(old).has_value());
  std::string text, expected;
  append_imap_envelope(text, old, false);
  append_imap_bodystructure(text, old, true, false);
  EXPECT_EQ(text, envelope_of(kLetter) + structure_of(kLetter, true));
}

TEST(Record, NewerVersionIsNotGuessed) {
  std::string record = encode(summarize(kLetter));
  record[0] = 3;
  EXPECT_FALSE(decode(record).has_value());
  EXPECT_FALSE(read_overview(record).has_value());
  std::string text;
  append_imap_bodystructure(text, record, true, false);
  EXPECT_TRUE(is_imap_list(text, false));
}

TEST(Record, PassesOverItemsOfLaterVersions) {
  const auto with = [](std::string_view overview) {
    std::string out;
    record::Writer w(out);
    for (uint64_t n : {2, 0, 0, 0, 0, 0}) w.number(n);
    w.text(std::string(7, '\0'));
    w.text(overview);
    w.number(0);  // a part of no type
    for (int i = 0; i < 6; ++i) w.number(0);
    return out;
  };
  std::string items;
  record::Writer w(items);
  w.number(77);
  w.text("something new");
  w.number(record::kPreviewItem);
  w.text("hello");
  const auto summary = decode(with(items));
  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->overview->preview, "hello");
  for (const char* damaged : {"\x02\x02\x0f\x09", "\x02\x01", "\x04\x02\x05\x00", "\x04\x01\x02", "\x01"})
    EXPECT_FALSE(decode(with(damaged)).has_value());
}

uint64_t size_when_decoded(const Part& part, const std::string& message) {
  TransferDecoder decoder(transfer_encoding(part.encoding));
  std::string out;
  decoder.feed(body_of(part, message), out);
  decoder.finish(out);
  return out.size();
}

// Whatever stands in a part, and however its bytes come: the size is that of what a decoder gives.
RC_GTEST_PROP(DecodedSize, IsThatOfTheDecodedBody, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      std::string(76, 'A') + "\r\n", std::string(76, 'A') + "\r\n", std::string(76, 'b') + "\n", "AAA", "=",
      "==", "=41", "=4", "=\r\n", "= \r\n", " ", "\t\r\n", "\r\n", "\n", "\r", "-", "--", "--bx\r\n", "--b",
      "x", "\xff", std::string(1500, '-'), std::string(20, 'q') + "\r\n", std::string(20, 'q') + "\r\n"));
  const auto encoding = *rc::gen::element<std::string>("base64", "quoted-printable");
  const bool multipart = *rc::gen::arbitrary<bool>(), closed = *rc::gen::arbitrary<bool>();
  std::string body;
  for (const auto& piece : pieces) body += piece;
  const std::string head = "Content-Transfer-Encoding: " + encoding + "\r\nContent-Type: " +
                           *rc::gen::element<std::string>("text/plain", "image/png", "text/html") +
                           "\r\n\r\n";
  const std::string message = multipart ? "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + head +
                                              body + (closed ? "\r\n--b--\r\n" : "")
                                        : head + body;
  const Summary s = summarize(message);
  const auto check = [&](const Part& part) {
    if (!part.decoded_size && part.encoding.empty()) return;
    RC_ASSERT(part.decoded_size.has_value());
    RC_ASSERT(*part.decoded_size == size_when_decoded(part, message));
    RC_ASSERT(part.content_size() == part.decoded_size);
  };
  check(s.root);
  for (const auto& part : s.root.children) check(part);
  for (size_t piece : {1, 7, 100, 1000}) RC_ASSERT(encode(summarize_in_pieces(message, piece)) == encode(s));
}

// Regular lines of base64 are passed over many at a time; nothing in between may be missed.
TEST(DecodedSize, OfMuchBase64) {
  std::string bytes(300'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  std::string body;
  append_base64_lines(body, bytes);
  const auto message = [](const std::string& coded) {
    return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
           "base64\r\n\r\n" +
           coded + "--b\r\n\r\nlast\r\n--b--\r\n";
  };
  const auto check = [&](const std::string& coded, size_t parts) {
    const std::string m = message(coded);
    const Summary s = summarize(m);
    ASSERT_EQ(s.root.children.size(), parts);
    EXPECT_EQ(s.root.children[0].decoded_size, size_when_decoded(s.root.children[0], m));
    uint32_t lines = 0;
    for (char c : body_of(s.root.children[0], m)) lines += c == '\n';
    EXPECT_EQ(s.root.children[0].body_lines, lines);
    EXPECT_EQ(encode(summarize_in_pieces(m, 4099)), encode(s));
  };
  check(body, 2);
  EXPECT_EQ(summarize(message(body)).root.children[0].decoded_size, bytes.size());
  for (size_t line : {10, 11, 1000}) {
    const size_t at = line * 78;
    check(body.substr(0, at) + "--b\r\n\r\n" + body.substr(at), 3);
    check(body.substr(0, at) + "QUJD\r\n" + body.substr(at), 2);
    for (char odd : {'-', '=', ' ', '\n', '\r', '\x00', '\xC3', '@', '[', '`', '{', '.', ':', '*', ','}) {
      std::string damaged = body;
      damaged[at + 33] = odd;
      check(damaged, 2);
    }
  }
  EXPECT_FALSE(summarize(message(body)).has_8bit_body);
  std::string eight = body;
  eight[78 * 50 + 3] = '\xE9';
  EXPECT_TRUE(summarize(message(eight)).has_8bit_body);
}

}  // namespace
}  // namespace posthouse::message
