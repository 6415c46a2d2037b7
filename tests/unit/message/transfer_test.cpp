#include "message/transfer.h"

#include <rapidcheck/gtest.h>

#include "base/base64.h"

namespace posthouse::message {
namespace {

std::string in_pieces(TransferEncoding encoding, std::string_view text, size_t piece) {
  TransferDecoder decoder(encoding);
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) decoder.feed(text.substr(at, piece), out);
  decoder.finish(out);
  return out;
}

using Cases = std::vector<std::pair<std::string, std::string>>;

TEST(Base64, DecodesAndForgives) {
  const Cases cases = {{"aGVsbG8=", "hello"},
                       {"aGVs\r\nbG8=\r\n", "hello"},
                       {"aGVsbG8", "hello"},
                       {"aGVs bG8*=", "hello"},
                       {"aGVsbA==bG8=", "helllo"},
                       {"", ""},
                       {"a", ""},
                       {"=", ""},
                       {"aG==aG==", "hh"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(decode_base64(text), expected) << text;
    EXPECT_EQ(in_pieces(TransferEncoding::base64, text, 1), expected) << text;
  }
}

TEST(QuotedPrintable, DecodesAndForgives) {
  const Cases cases = {{"a=20b", "a b"},
                       {"=C3=A9=c3=a9", "\xc3\xa9\xc3\xa9"},
                       {"soft=\r\nbreak", "softbreak"},
                       {"soft= \t\r\nbreak", "softbreak"},
                       {"soft=\nbreak", "softbreak"},
                       {"blanks \t\r\nend  ", "blanks\r\nend"},
                       {"a b  c", "a b  c"},
                       {"=", "="},
                       {"=A", "=A"},
                       {"=XY", "=XY"},
                       {"=4=41", "=4A"},
                       {"==41", "=A"},
                       {"= x", "= x"},
                       {"line\r\n\r\nline\r\n", "line\r\n\r\nline\r\n"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(decode_quoted_printable(text), expected) << text;
    EXPECT_EQ(in_pieces(TransferEncoding::quoted_printable, text, 1), expected) << text;
  }
}

RC_GTEST_PROP(QuotedPrintable, PiecesMakeNoDifference, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::element('=', '4', 'F', ' ', '\t', '\r', '\n', 'x'));
  const auto piece = *rc::gen::inRange<size_t>(1, 9);
  RC_ASSERT(in_pieces(TransferEncoding::quoted_printable, text, piece) == decode_quoted_printable(text));
}

RC_GTEST_PROP(QuotedPrintable, DecodesWhatItEncodes, ()) {
  const auto lines = *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(
      rc::gen::suchThat(rc::gen::arbitrary<char>(), [](char c) { return c != '\n'; })));
  std::string text;
  for (const auto& line : lines) text += (line.ends_with('\r') ? line + "x" : line) + "\r\n";
  const std::string encoded = encode_quoted_printable(text);
  RC_ASSERT(decode_quoted_printable(encoded) == text);
  size_t width = 0;
  for (char c : encoded) {
    RC_ASSERT((c & 0x80) == 0);
    width = c == '\n' ? 0 : width + 1;
    RC_ASSERT(width <= 77u);  // 76 and the CR
  }
}

TEST(QuotedPrintable, HidesWhatRelaysChange) {
  EXPECT_EQ(encode_quoted_printable("From me\n.\nblank \n"), "=46rom me\r\n=2E\r\nblank=20\r\n");
}

RC_GTEST_PROP(Base64, DecodesWhatItEncodes, (const std::string& bytes)) {
  std::string lines;
  append_base64_lines(lines, bytes);
  RC_ASSERT(decode_base64(lines) == bytes);
  RC_ASSERT(in_pieces(TransferEncoding::base64, lines, 3) == bytes);
}

TEST(TransferEncoding, KnowsItsNames) {
  EXPECT_EQ(transfer_encoding(""), TransferEncoding::identity);
  EXPECT_EQ(transfer_encoding("8BIT"), TransferEncoding::identity);
  EXPECT_EQ(transfer_encoding("Base64"), TransferEncoding::base64);
  EXPECT_EQ(transfer_encoding("x-uuencode"), TransferEncoding::unknown);
}

}  // namespace
}  // namespace posthouse::message
