#include "message/builder.h"

#include <rapidcheck/gtest.h>

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/body_lists.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/search_text.h"
#include "message/transfer.h"
#include "message/unicode_text.h"
#include "support/seeded_random.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

// Text of characters that are hard to write: quotes, encoded words, other scripts, long words, much of it.
rc::Gen<std::string> hard_text() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "a", "word", " ", "é", "日本", "\U0001F600", "\"", "\\", "(", ")", ",", "<", ">",
                          "@", ";", "=", "?", "=?utf-8?q?x?=", "_", "%", "'", "*", "/", std::string(70, 'x'),
                          std::string(400, 'y'), "ééééééééééééééééééééééééééééééé")),
                      [](const std::vector<std::string>& words) {
                        std::string out;
                        for (const auto& word : words) out += word;
                        return out;
                      });
}

std::string single_spaced(std::string_view text) {
  std::string out;
  for (char c : trim(text)) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

// Lines end in CRLF, none is too long, and none has 8-bit text where that is not wanted.
void check_lines(const std::string& message, bool utf8) {
  size_t begin = 0;
  while (begin < message.size()) {
    const size_t end = message.find("\r\n", begin);
    RC_ASSERT(end != std::string::npos);
    const auto line = std::string_view(message).substr(begin, end - begin);
    RC_ASSERT(line.size() <= limits::kLine);
    RC_ASSERT(line.find_first_of("\r\n") == std::string_view::npos);
    RC_ASSERT(utf8 || !has_8bit(line));
    begin = end + 2;
  }
}

std::string decoded_body(const Part& part, std::string_view message) {
  TransferDecoder decoder(transfer_encoding(part.encoding));
  std::string out;
  decoder.feed(message.substr(part.body_begin, part.body_end - part.body_begin), out);
  decoder.finish(out);
  return out;
}

RC_GTEST_PROP(Builder, SubjectsComeBack, ()) {
  const auto subject = *hard_text();
  const bool utf8 = *rc::gen::arbitrary<bool>();
  test::SeededRandom random;
  const std::string m = MessageBuilder(utf8).subject(subject).text("x").build(random);
  check_lines(m, utf8);
  const auto field = find_field(m, "Subject");
  RC_ASSERT(field.has_value());
  RC_ASSERT(single_spaced(decode_words(field->value)) == single_spaced(subject));
}

RC_GTEST_PROP(Builder, NamesComeBack, ()) {
  const auto name = *hard_text();
  const bool utf8 = *rc::gen::arbitrary<bool>();
  test::SeededRandom random;
  const std::string m = MessageBuilder(utf8).to({name, {"joe", "example.org"}}).text("x").build(random);
  check_lines(m, utf8);
  const Summary s = summarize(m);
  RC_ASSERT(s.envelope.to.size() == 1u);
  RC_ASSERT(s.envelope.to[0].mailbox + "@" + s.envelope.to[0].host == "joe@example.org");
  RC_ASSERT(single_spaced(decode_words(s.envelope.to[0].name)) == single_spaced(name));
}

RC_GTEST_PROP(Builder, AttachmentsComeBack, ()) {
  const auto name = *hard_text();
  const auto bytes = *rc::gen::arbitrary<std::string>();
  test::SeededRandom random;
  const std::string m = MessageBuilder().text("x").attach(name, "application/x", bytes).build(random);
  check_lines(m, false);
  const Summary s = summarize(m);
  RC_ASSERT(s.root.children.size() == 2u);
  // Names are cut at some length, at a character.
  const std::string back = part_name(s.root.children[1]);
  RC_ASSERT(back == trim(name) || (back.size() > 900 && is_utf8(back) && trim(name).starts_with(back)));
  RC_ASSERT(decoded_body(s.root.children[1], m) == bytes);
}

RC_GTEST_PROP(Builder, TextsComeBack, ()) {
  const auto lines = *rc::gen::container<std::vector<std::string>>(hard_text());
  const auto end = *rc::gen::element<std::string>("\n", "\r\n");
  std::string text, expected;
  for (const auto& line : lines) {
    text += line + end;
    expected += line + "\r\n";
  }
  test::SeededRandom random;
  const std::string m = MessageBuilder().subject("s").text(text).build(random);
  check_lines(m, false);
  const Summary s = summarize(m);
  const std::string back = decoded_body(s.root, m);
  RC_ASSERT(back == expected || (expected.empty() && back == "\r\n"));
}

// Bodies of all kinds: each goes in an encoding that can carry it, and comes back.
RC_GTEST_PROP(Builder, BodiesOfAnyKindComeBack, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "word ", "=", "é", "日本語", "\xff", "\r", std::string(1, '\0'), std::string(200, 'x'),
      std::string(1100, 'y'), "\n", "\r\n", ".", "From ", " ", "\t", "--=_x"));
  const bool eight_bit = *rc::gen::arbitrary<bool>(), with_attachment = *rc::gen::arbitrary<bool>();
  std::string text;
  for (const auto& piece : pieces) text += piece;
  test::SeededRandom random;
  MessageBuilder builder;
  if (eight_bit) builder.allow_8bit();
  builder.subject("s").text(text);
  if (with_attachment) builder.attach("a", "image/png", "x");
  const std::string m = builder.build(random);
  check_lines(m, eight_bit);
  const Summary s = summarize(m);
  const Part& part = with_attachment ? s.root.children.at(0) : s.root;
  std::string expected;
  for (char c : to_valid_utf8(text)) {
    if (c == '\n' && !expected.ends_with('\r')) expected += '\r';
    expected += c;
  }
  const std::string back = decoded_body(part, m);
  // A line end may be put behind the last line.
  RC_ASSERT(back == expected || back == expected + "\r\n" || back + "\r\n" == expected);
  RC_ASSERT(s.has_8bit_body == (iequals(part.encoding, "8bit")));
  RC_ASSERT(!s.has_8bit_body || iequals(s.root.encoding, "8bit"));
}

std::string encoding_of(const std::string& text, bool eight_bit = false) {
  test::SeededRandom random;
  MessageBuilder builder;
  if (eight_bit) builder.allow_8bit();
  return summarize(builder.text(text).build(random)).root.encoding;
}

TEST(Builder, ChoosesTheEncodingByContent) {
  EXPECT_EQ(encoding_of("plain\n"), "7bit");
  EXPECT_EQ(encoding_of("plain\n", true), "7bit");
  EXPECT_EQ(encoding_of("mostly ASCII, with one é\n"), "quoted-printable");
  EXPECT_EQ(encoding_of("mostly ASCII, with one é\n", true), "8bit");
  EXPECT_EQ(encoding_of("日本語の本文です\n"), "base64");
  EXPECT_EQ(encoding_of("日本語の本文です\n", true), "8bit");
  EXPECT_EQ(encoding_of(std::string(999, 'x') + "é", true), "quoted-printable");
  EXPECT_EQ(encoding_of(std::string("a\0b", 3) + " and words", true), "quoted-printable");
}

TEST(Builder, AttachesMessagesAsTheyAre) {
  test::SeededRandom random;
  const auto attached = [&](const std::string& letter) {
    return summarize(MessageBuilder().text("x").attach("", "message/rfc822", letter).build(random)).root;
  };
  const std::string letter = "Subject: inner\n\nbody\n";
  const Part plain = attached(letter);
  ASSERT_TRUE(plain.children[1].is_message());
  EXPECT_EQ(plain.children[1].envelope->subject, "inner");
  EXPECT_EQ(plain.children[1].encoding, "7bit");
  const Part eight = attached(letter + "\xC3\xA9\n");
  EXPECT_EQ(eight.encoding, "8bit");
  EXPECT_EQ(eight.children[1].encoding, "8bit");
  const Part wide = attached(letter + std::string(2000, 'x'));
  EXPECT_EQ(wide.children[1].type, "application") << "no line may have more than 998 octets";
}

TEST(Builder, WritesDomainsInAscii) {
  test::SeededRandom random;
  const std::string ascii = MessageBuilder().to({"Jü", {"joe", "bücher.example"}}).build(random);
  EXPECT_NE(ascii.find("<joe@xn--bcher-kva.example>"), std::string::npos) << ascii;
  const std::string utf8 = MessageBuilder(true).to({"Jü", {"joe", "bücher.example"}}).build(random);
  EXPECT_NE(utf8.find("<joe@bücher.example>"), std::string::npos) << utf8;
}

TEST(Builder, WritesWhatLooksLikeAnEncodedWordAsOne) {
  test::SeededRandom random;
  EXPECT_EQ(field_texts(MessageBuilder().subject("=?utf-8?q?x?=").build(random), "Subject")[0],
            "=?utf-8?q?x?=");
}

// Some readers join the base64 of words, and stop at padding; some keep the line end of a fold in a quoted
// name.
TEST(Builder, WritesForReadersThatAreNotExact) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += i % 2 == 0 ? "é" : "日";
  const std::string words = force_encoded_words(text);
  EXPECT_EQ(decode_words(words), text);
  EXPECT_EQ(words.substr(0, words.size() - 6).find("=?=", 1), std::string::npos) << words;
  test::SeededRandom random;
  const std::string m = MessageBuilder()
                            .addresses("To", {{"some name, of several words", {"a", "example.org"}},
                                              {"another \"name\", of more words", {"b", "example.org"}}})
                            .build(random);
  EXPECT_NE(m.find("\r\n \"another \\\"name\\\", of more words\""), std::string::npos) << m;
}

TEST(Builder, WritesLongFilenamesInPieces) {
  std::string name;
  for (int i = 0; i < 300; ++i) name += "é";
  test::SeededRandom random;
  const std::string m = MessageBuilder().text("x").attach(name, "a/b", "y").build(random);
  EXPECT_NE(m.find("filename*0*=utf-8''"), std::string::npos);
  size_t begin = 0;
  for (size_t end; (end = m.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
    EXPECT_LE(end - begin, limits::kPreferredLine);
  }
  EXPECT_EQ(part_name(summarize(m).root.children[1]), name);
}

}  // namespace
}  // namespace posthouse::message
