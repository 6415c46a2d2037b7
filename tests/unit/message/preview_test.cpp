#include "message/preview.h"

#include <rapidcheck/gtest.h>

#include "message/limits.h"
#include "message/unicode_text.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

std::string html_text(std::string_view html, size_t piece = 1000) {
  HtmlText text;
  std::string out;
  for (size_t at = 0; at < html.size(); at += piece) text.feed(html.substr(at, piece), out);
  text.finish(out);
  return out;
}

std::string preview_of(const std::string& message, size_t piece = 1000) {
  const Summary s = summarize(message);
  const Part* part = preview_part(s.root);
  if (part == nullptr) return "(none)";
  Preview preview(*part);
  for (uint64_t at = part->body_begin; at < part->body_end && preview.wants_more(); at += piece) {
    preview.feed(std::string_view(message).substr(at, std::min<uint64_t>(piece, part->body_end - at)));
  }
  return preview.finish();
}

std::string plain(const std::string& body) {
  return preview_of(crlf("Content-Type: text/plain; charset=utf-8\n\n" + body));
}
std::string html(const std::string& body) {
  return preview_of(crlf("Content-Type: text/html; charset=utf-8\n\n" + body));
}

TEST(HtmlText, LeavesOutMarkup) {
  EXPECT_EQ(html_text("<p>one<br>two</p>"), " one two ");
  EXPECT_EQ(html_text("o<b>n</b>e <a href=\"x>y\">link</a>"), "one link");
  EXPECT_EQ(html_text("a<style>p { x }</style>b<script>if (a < b) c</script>d"), "abd");
  EXPECT_EQ(html_text("<head><title>t</title></head><body>text"), " text");
  EXPECT_EQ(html_text("a<!-- x > y --->b<!-->c-->d"), "abd");
  EXPECT_EQ(html_text("1 < 2 & 3 > 2"), "1 < 2 & 3 > 2");
}

TEST(HtmlText, ReadsEntities) {
  EXPECT_EQ(html_text("&amp;&lt;&#233;&#xE9;&eacute;&rsquo;"), "&<ééé’");
  EXPECT_EQ(html_text("&unknown; &amp &"), "&unknown; & &");
  EXPECT_EQ(html_text("&#0;&#xD800;&#99999999;"), "\uFFFD\uFFFD&#99999999;");
}

TEST(Preview, HasSingleBlanksAndNoMore) {
  EXPECT_EQ(plain("Hello,\n\n  how are\tyou?\n"), "Hello, how are you?");
  EXPECT_EQ(plain(""), "");
  EXPECT_EQ(plain("a\x01\u200B\u00A0\u00A0\u00ADb"), "a b");
}

TEST(Preview, LeavesOutQuotesAndSignature) {
  EXPECT_EQ(plain("> what you said\n>> more\nMy answer\n-- \nJoe\n"), "My answer");
  EXPECT_EQ(plain("--\nno signature\n-->\n- a list"), "-- no signature --> - a list");
  EXPECT_EQ(plain("> only\n> quoted\n"), "> only > quoted");
  EXPECT_EQ(plain("last line\n-- "), "last line");
}

TEST(Preview, HasAtMost256Characters) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "é";
  const std::string text = plain(body);
  EXPECT_EQ(text.size(), 2 * limits::kPreview);
  EXPECT_EQ(html("<p>" + body + "</p>"), text);
}

TEST(Preview, TakesTheTextToRead) {
  EXPECT_EQ(html("<style>p{}</style><p>Hello <b>you</b> &amp; me"), "Hello you & me");
  EXPECT_EQ(preview_of(crlf(
                "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html\n"
                "--b\n\nplain\n--b--\n")),
            "plain");
  EXPECT_EQ(preview_of(crlf(
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6kgcXU=\n")),
            "é qu");
  EXPECT_EQ(preview_of("Content-Type: image/png\r\n\r\nx"), "(none)");
}

TEST(Preview, JoinsFlowedText) {
  EXPECT_EQ(
      preview_of(crlf(
          "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\n日本 \n語\n> q \n> r\n")),
      "日本語");
}

TEST(Preview, StopsReading) {
  const Summary s = summarize("Content-Type: text/html\r\n\r\n");
  Preview preview(s.root);
  const std::string tags(1000, '<');
  size_t fed = 0;
  while (preview.wants_more()) {
    preview.feed("<p" + tags);
    ASSERT_LT(fed += tags.size(), 2 * limits::kPreviewRead);
  }
}

RC_GTEST_PROP(Preview, PiecesMakeNoDifference, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("> ", "-- ", "\n", "\r\n", "é", "<p>", "</p>", "<style>", "</style>",
                                    "&amp;", "&", "<", ">", "word", "<!--", "-->", "\xff", " "));
  std::string body = *rc::gen::element<std::string>("text/html", "text/plain", "text/plain; format=flowed");
  body = "Content-Type: " + body + "; charset=utf-8\r\n\r\n";
  for (const auto& word : words) body += word;
  const auto piece = *rc::gen::inRange<size_t>(1, 10);
  const std::string whole = preview_of(body);
  RC_ASSERT(preview_of(body, piece) == whole);
  RC_ASSERT(is_utf8(whole));
}

}  // namespace
}  // namespace posthouse::message
