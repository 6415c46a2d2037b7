#include "message/document.h"

#include <gtest/gtest.h>

#include "support.h"

namespace posthouse::message {
namespace {

DocumentKind kind_of(const std::string& header) {
  const Summary summary = summarize("Subject: x\r\n" + header + "\r\nxyz\r\n");
  return document_kind(summary.root);
}

std::string office_text(std::string_view xml, size_t piece) {
  OfficeText reader;
  std::string out;
  for (size_t at = 0; at < xml.size(); at += piece) reader.feed(xml.substr(at, piece), out);
  std::string squeezed;  // blanks count as one
  for (const char c : out) {
    if (c != ' ' || (!squeezed.empty() && squeezed.back() != ' ')) squeezed += c;
  }
  return squeezed;
}

TEST(Document, IsKnownByTypeOrName) {
  EXPECT_EQ(kind_of("Content-Type: application/pdf\r\n"), DocumentKind::pdf);
  EXPECT_EQ(kind_of("Content-Type: Application/PDF; name=\"a.doc\"\r\n"), DocumentKind::pdf);
  EXPECT_EQ(kind_of("Content-Type: application/msword\r\n"), DocumentKind::word);
  const std::string office = "Content-Type: application/vnd.openxmlformats-officedocument.";
  EXPECT_EQ(kind_of(office + "wordprocessingml.document\r\n"), DocumentKind::office);
  EXPECT_EQ(kind_of(office + "spreadsheetml.sheet\r\n"), DocumentKind::office);
  EXPECT_EQ(kind_of("Content-Type: application/vnd.oasis.opendocument.text\r\n"), DocumentKind::office);
  EXPECT_EQ(kind_of("Content-Type: application/vnd.ms-excel.sheet.macroEnabled.12\r\n"),
            DocumentKind::office);
  EXPECT_EQ(kind_of("Content-Type: application/octet-stream; name=\"Plan.B.DOCX\"\r\n"),
            DocumentKind::office);
  EXPECT_EQ(kind_of("Content-Type: application/octet-stream\r\n"
                    "Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\r\n"),
            DocumentKind::pdf);
  EXPECT_EQ(kind_of("Content-Type: application/octet-stream; name=pdf\r\n"), DocumentKind::none);
  EXPECT_EQ(kind_of("Content-Type: application/zip; name=a.zip\r\n"), DocumentKind::none);
  EXPECT_EQ(kind_of("Content-Type: image/png; name=a.pdf\r\n"), DocumentKind::none);
  EXPECT_EQ(kind_of("Content-Type: text/plain; name=a.doc\r\n"), DocumentKind::none);
}

TEST(Document, AllOfTheTreeButNotTooMany) {
  std::string letter = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 5; i++) letter += "--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n";
  letter +=
      "--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: application/msword\r\n\r\nx\r\n--b--\r\n";
  const Summary summary = summarize(letter);
  ASSERT_EQ(documents(summary, 100).size(), 6u);
  EXPECT_EQ(documents(summary, 100).back().kind, DocumentKind::word);
  EXPECT_EQ(documents(summary, 2).size(), 2u);
}

TEST(OfficeText, TakesTheTextOfBothFormats) {
  const std::string word =
      "<?xml version=\"1.0\"?>\n<w:document xmlns:w=\"a>b\"><w:body><w:p><w:r><w:rPr><w:b/></w:rPr><w:t>Hel"
      "</w:t></w:r><w:proofErr w:type='x'/><w:r><w:t xml:space=\"preserve\">lo &amp; </w:t></w:r><w:r>"
      "<w:instrText>HYPERLINK</w:instrText></w:r></w:p><w:p><w:r><w:t>gr&#252;n</w:t><w:tab/><w:t>tab</w:t>"
      "</w:r></w:p></w:body></w:document>";
  const std::string sheet =
      "<?xml version=\"1.0\"?><sst><si><t>one</t></si><si><r><t>tw</t></r><r><t>o</t></r></si></sst>";
  const std::string open =
      "<?xml version=\"1.0\"?><office:document-content office:version=\"1.2\"><office:body><office:text>"
      "<text:h>Title</text:h><text:p>in<text:span text:style-name=\"T1\">si</text:span>de<text:s/>of"
      "<text:line-break/>it</text:p></office:text></office:body></office:document-content>";
  for (const size_t piece : {1u, 3u, 7u, 4096u}) {
    EXPECT_EQ(office_text(word, piece), "Hello & gr\xC3\xBCn tab ") << piece;
    EXPECT_EQ(office_text(sheet, piece), "one two ") << piece;
    EXPECT_EQ(office_text(open, piece), "Title inside of it ") << piece;
    EXPECT_EQ(office_text(open + word + sheet, piece), "Title inside of it Hello & gr\xC3\xBCn tab one two ")
        << piece;
  }
}

TEST(OfficeText, TakesAnyOctets) {
  EXPECT_EQ(office_text("no tags at all", 4), "");
  EXPECT_EQ(
      office_text("<t>a&unknown;b&<c>&#x110000;<t>" + std::string(500, 'x') + "<" + std::string(500, 'y'), 5),
      "ab " + std::string(500, 'x'));
  EXPECT_EQ(office_text("<t>a<b \"never ends <t>x", 5), "a");
}

}  // namespace
}  // namespace posthouse::message
