#include "message/search_text.h"

#include <rapidcheck/gtest.h>

#include "message/limits.h"
#include "message/unicode_text.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

TEST(ContainsText, IgnoresCaseByUnicode) {
  EXPECT_TRUE(contains_text("Hello World", "LO WO"));
  EXPECT_TRUE(contains_text("Grüße", "GRÜßE"));
  // RFC 5051 section 2 knows single characters: no capital of "ß" is one
  EXPECT_FALSE(contains_text("Grüße", "GRÜSSE"));
  EXPECT_TRUE(contains_text("ΑΣ", "ας"));
  EXPECT_TRUE(contains_text("cafe\xcc\x81", "CAF\xc3\x89"));
  EXPECT_FALSE(contains_text("cafe\xcc\x81", "cafe\xcc\x80"));
  EXPECT_TRUE(contains_text("café", "CAFE"));
  EXPECT_FALSE(contains_text("cafe", "café"));
  EXPECT_FALSE(contains_text("Hello", "x"));
  EXPECT_TRUE(contains_text("Hello", ""));
  EXPECT_TRUE(contains_text("", ""));
  EXPECT_FALSE(contains_text("", "a"));
  EXPECT_TRUE(contains_text("folded\tsubject", "folded subject"));
  EXPECT_TRUE(contains_text("folded subject", "folded\tsubject"));
  EXPECT_FALSE(contains_text("folded\t subject", "folded subject"));
  EXPECT_FALSE(contains_text("a", std::string(limits::kSearchKey + 1, 'a')));
}

TEST(TextSearch, FindsAcrossPiecesButNotAcrossTexts) {
  TextSearch search({"needle", "Étage", "", "absent"});
  EXPECT_TRUE(search.found(2));
  search.feed("nee");
  search.feed("dle");
  EXPECT_FALSE(search.all_found());
  search.end_text();
  EXPECT_TRUE(search.found(0));
  search.feed("\xc3");
  search.feed("\xa9tage");
  search.end_text();
  EXPECT_TRUE(search.found(1));
  search.feed("abs");
  search.end_text();
  search.feed("ent");
  search.end_text();
  EXPECT_FALSE(search.found(3));
}

RC_GTEST_PROP(TextSearch, FindsWhatIsInTheWhole, ()) {
  const auto letters = rc::gen::element<std::string>("a", "B", "\xc3\xa9", "\xc3\x89", "e", "\xcc\x81",
                                                     "\xc3\x9f", "ss", "İ", " ");
  std::string text, key;
  for (const auto& s : *rc::gen::container<std::vector<std::string>>(letters)) text += s;
  for (const auto& s : *rc::gen::container<std::vector<std::string>>(letters)) key += s;
  const auto piece = *rc::gen::inRange<size_t>(1, 5);
  TextSearch search({key});
  for (size_t at = 0; at < text.size(); at += piece) search.feed(text.substr(at, piece));
  search.end_text();
  RC_ASSERT(search.found(0) == contains_text(text, key));
}

RC_GTEST_PROP(TextFolder, PiecesMakeNoDifference, ()) {
  std::string text;
  for (uint32_t c : *rc::gen::container<std::vector<uint32_t>>(rc::gen::element<uint32_t>(
           'a', 'E', 0xE9, 0x301, 0x308, 0x1100, 0x1161, 0x11A8, 0x4E2D, 0x130, 0x1F600, 0xDF))) {
    append_utf8(text, c);
  }
  TextFolder folder;
  std::string out;
  for (char c : text) folder.feed(std::string_view(&c, 1), out);
  folder.finish(out);
  RC_ASSERT(out == casemap(text));
}

TEST(TextFolder, HoldsLittleWhateverComes) {
  for (const std::string piece : {"\xe4\xb8\xad", "\xcc\x81", "\x80", "a"}) {
    TextFolder folder;
    std::string text, out;
    for (int i = 0; i < 20'000; ++i) text += piece;
    folder.feed(text, out);
    EXPECT_GT(out.size(), text.size() - 4) << piece;
    folder.finish(out);
  }
}

TEST(TextSearch, IsLinearForHostileKeys) {
  const std::string key =
      std::string(limits::kSearchKey / 2, 'a') + "b" + std::string(limits::kSearchKey / 2 - 1, 'a');
  TextSearch search({key});
  const std::string text(1 << 16, 'a');
  for (int i = 0; i < 64; ++i) search.feed(text);
  search.end_text();
  EXPECT_FALSE(search.found(0));
}

TEST(PartText, CharsetMayBeInTheFormOfRfc2231) {
  const std::string m = "Content-Type: text/plain; charset*=us-ascii''koi8-r\r\n\r\n\xd0\xcf";
  const Summary s = summarize(m);
  PartTextDecoder decoder(s.root);
  std::string text;
  decoder.feed(m.substr(s.root.body_begin), text);
  decoder.finish(text);
  EXPECT_EQ(text, "по");
}

TEST(PartText, IsDecoded) {
  const std::string m = crlf(
      "Subject: =?utf-8?Q?Caf=C3=A9?=\nX:\nContent-Type: multipart/mixed; boundary=b\n\n"
      "--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
      "quoted-printable\n\nCaf=\n=E9\n"
      "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA\n"
      "--b\nContent-Type: message/rfc822\n\nContent-Type: text/html; charset=utf-8\n"
      "Content-Transfer-Encoding: base64\n\nw4l0YWdl\n"
      "--b--\n");
  const Summary s = summarize(m);
  const auto parts = text_parts(s);
  ASSERT_EQ(parts.size(), 2u);
  std::vector<std::string> texts;
  for (const Part* part : parts) {
    PartTextDecoder decoder(*part);
    std::string& text = texts.emplace_back();
    for (uint64_t at = part->body_begin; at < part->body_end; ++at) decoder.feed(m.substr(at, 1), text);
    decoder.finish(text);
  }
  EXPECT_EQ(texts[0], "Café");
  EXPECT_EQ(texts[1], "Étage");
  EXPECT_EQ(field_texts(m, "subject"), std::vector<std::string>{"Café"});
  EXPECT_EQ(field_texts(m, "x"), std::vector<std::string>{""});
  EXPECT_TRUE(field_texts(m, "y").empty());
  EXPECT_TRUE(contains_text(header_text(m), "subject: CAFÉ"));
}

}  // namespace
}  // namespace posthouse::message
