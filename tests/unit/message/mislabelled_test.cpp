// Text that does not have the charset it claims, wherever text stands: bodies, previews, encoded words, file
// names. RFC 7103 section 7.6; labels as the WHATWG Encoding Standard reads them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "message/body_lists.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

struct Case {
  const char* label;
  std::string bytes, text;
};

const std::vector<Case> kCases = {
    {"iso-8859-1", "\x93quotes\x94 \x96 \x80", "“quotes” – €"},  // windows-1252
    {"latin1", "caf\xE9 \x85", "café …"},                        //
    {"us-ascii", "na\xC3\xAFve", "naïve"},                       // UTF-8
    {"us-ascii", "caf\xE9 \x80", "café €"},                      // windows-1252
    {"utf-8", "caf\xE9 \xC3\xA9", "café é"},                     // both, byte for byte
    {"unknown-8bit", "na\xC3\xAFve", "naïve"},                   // RFC 1428
    {"unknown-8bit", "caf\xE9", "café"},                         //
    {"x-unknown", "caf\xE9", "café"},                            //
    {"nobody-knows", "na\xC3\xAFve", "naïve"},                   //
    {"", "na\xC3\xAFve", "naïve"},                               //
    {"gb2312", "\xE9\x46\xBB\xF9", "镕基"},                      // GBK: the first one is not in GB2312
    {"gbk", "\xC4\xE3\xBA\xC3", "你好"},                         //
    {"ks_c_5601-1987", "\x8C\x63\xB9\xE6", "똠방"},              // windows-949
    {"euc-kr", "\x8C\x63\xB9\xE6", "똠방"},                      //
    {"shift_jis", "\x87\x40\x93\xFA", "①日"},                    // windows-31j
    {"iso-8859-9", "\x80 \xFD", "€ ı"},                          // windows-1254
    {"tis-620", "\xA1\x80", "ก€"},                               // windows-874
    {"big5", "\xA4\xA4\xA4\xE5", "中文"},                        //
    {"cp-1251", "\xCF\xF0", "Пр"},                               //
    {"ansi_x3.4-1968", "caf\xE9 na\xC3\xAFve", "café naïve"},    // ASCII as the C locale calls it
    {"X-CP1251", "\xCF\xF0", "Пр"},                              //
    {"uhc", "\x8C\x63\xB9\xE6", "똠방"},                         //
    {"chinese", "\xE9\x46\xBB\xF9", "镕基"},                     //
    {"cp50220", "\x1B$B-!\x1B(B", "①"},                          //
    {"cp819", "\x93quotes\x94", "“quotes”"},                     //
    {"'utf-8'", "na\xC3\xAFve", "naïve"},                        // quotes of their own
};

// Labels that can stand in an encoded word or a parameter without quotes.
bool is_token(std::string_view label) {
  return !label.empty() && label.find('\'') == std::string_view::npos;
}

std::string percent(std::string_view bytes) {
  std::string out;
  for (char c : bytes) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

TEST(Mislabelled, Bodies) {
  for (const auto& c : kCases) EXPECT_EQ(to_utf8(c.bytes, c.label), c.text) << c.label;
}

// Text is converted in steps: a character of two units of UTF-16 may begin in one and end in the next.
TEST(Mislabelled, CharactersBeyondTheFirstPlaneAtTheEndOfAStep) {
  const std::string character = "\x95\x32\x82\x36";  // U+20000 in GB18030
  for (size_t before = 4090; before < 4100; ++before) {
    EXPECT_EQ(to_utf8(std::string(before, 'a') + character + "b", "gb18030"),
              std::string(before, 'a') + "\xF0\xA0\x80\x80" + "b")
        << before;
  }
}

TEST(Mislabelled, Previews) {
  for (const auto& c : kCases) {
    for (const char* type : {"text/plain", "text/html"}) {
      const std::string head = fmt::format("Content-Type: {}; charset=\"{}\"\r\n", type, c.label);
      const auto preview = [](const std::string& m) { return summarize(m).overview->preview; };
      EXPECT_EQ(preview(head + "\r\n" + c.bytes + "\r\n"), c.text) << c.label << " " << type;
      EXPECT_EQ(preview(head + "Content-Transfer-Encoding: base64\r\n\r\n" + base64_encode(c.bytes) + "\r\n"),
                c.text)
          << c.label << " " << type;
    }
  }
}

TEST(Mislabelled, EncodedWords) {
  for (const auto& c : kCases) {
    if (!is_token(c.label)) continue;
    const std::string word = fmt::format("=?{}?B?{}?=", c.label, base64_encode(c.bytes));
    EXPECT_EQ(decode_words(word), c.text) << word;
    const Summary s = summarize("Subject: Re: " + word + "\r\nFrom: " + word + " <a@b>\r\n\r\n");
    EXPECT_EQ(s.overview->subject.text, c.text) << word;
    EXPECT_EQ(decode_words(s.envelope.from[0].name), c.text) << word;
  }
}

TEST(Mislabelled, Filenames) {
  const auto name = [](const std::string& parameter) {
    return part_name(summarize("Content-Disposition: attachment; " + parameter + "\r\n\r\n").root);
  };
  for (const auto& c : kCases) {
    if (!is_token(c.label)) continue;
    EXPECT_EQ(name(fmt::format("filename*={}''{}", c.label, percent(c.bytes))), c.text) << c.label;
    EXPECT_EQ(name(fmt::format("filename*0*={}''{}; filename*1*={}", c.label, percent(c.bytes.substr(0, 1)),
                               percent(c.bytes.substr(1)))),
              c.text)
        << c.label;
    EXPECT_EQ(name(fmt::format("filename=\"=?{}?B?{}?=\"", c.label, base64_encode(c.bytes))), c.text)
        << c.label;
  }
  EXPECT_EQ(name("filename=\"caf\xE9.txt\""), "café.txt") << "8-bit text without any charset";
  EXPECT_EQ(name("filename=\"na\xC3\xAFve.txt\""), "naïve.txt");
}

}  // namespace
}  // namespace posthouse::message
