#include "message/ascii_header.h"

#include <gtest/gtest.h>

namespace posthouse::message {
namespace {

TEST(AsciiHeader, WhatIsAsciiStaysToTheOctet) {
  const std::string header =
      "From: a@b\r\nSubject:   odd \t spaces \r\n folded\r\nX: =?utf-8?q?=C3=BC?=\nbare: LF\n\r\n";
  EXPECT_EQ(ascii_header(header), header);
  EXPECT_EQ(ascii_header(""), "");
}

TEST(AsciiHeader, TextBecomesEncodedWords) {
  EXPECT_EQ(ascii_header("Subject: Gr\xc3\xbc\xc3\x9f"
                         "e\r\nX: y\r\n\r\n"),
            "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nX: y\r\n\r\n");
  // Latin 1, as old programs sent it.
  EXPECT_EQ(ascii_header("subject: Gr\xfc\xdf"
                         "e\r\n\r\n"),
            "subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n");
}

TEST(AsciiHeader, AddressesKeepWhatCanBeAnswered) {
  EXPECT_EQ(ascii_header("To: J\xc3\xb6rg <joerg@example.test>, b@example.test\r\n\r\n"),
            "To: =?utf-8?B?SsO2cmc=?= <joerg@example.test>, b@example.test\r\n\r\n");
  EXPECT_EQ(ascii_header("Cc: a@b\xc3\xbc"
                         "cher.test\r\n\r\n"),
            "Cc: a@xn--bcher-kva.test\r\n\r\n");
  // Nobody without SMTPUTF8 can write to this one (RFC 6857 section 3.1.8).
  const std::string group = ascii_header("Resent-From: J <j\xc3\xb6rg@example.test>\r\n\r\n");
  EXPECT_TRUE(group.starts_with("Resent-From: =?utf-8?")) << group;
  EXPECT_TRUE(group.ends_with(":;\r\n\r\n")) << group;
}

TEST(AsciiHeader, StructureStays) {
  EXPECT_EQ(ascii_header("Content-Type: text/plain; name=\"\xc3\xbc.txt\"\r\nMIME-Version: 1.0\r\n\r\n"),
            "Content-Type: text/plain; name=\"?.txt\"\r\nMIME-Version: 1.0\r\n\r\n");
}

TEST(AsciiHeader, WhateverItHoldsTheResultIsAscii) {
  const std::string junk[] = {"\xc3",
                              "\xff\xfe",
                              "\xed\xa0\x80",
                              std::string("\0\x80", 2),
                              std::string(3000, '\xe9'),
                              "\" \xc3\xbc < ( \\",
                              "\xf0\x9f\x98\x80@\xf0\x9f\x98\x80, <\xc3\xbc>"};
  for (const std::string& x : junk) {
    for (const char* name : {"From", "Subject", "Content-Type", "X-Y"}) {
      const std::string out = ascii_header(std::string("A: b\r\n") + name + ": " + x + "\r\nZ: z\r\n\r\n");
      EXPECT_FALSE(has_8bit(out)) << out;
      EXPECT_TRUE(out.starts_with("A: b\r\n") && out.ends_with("\r\nZ: z\r\n\r\n")) << out;
      EXPECT_EQ(out.find("\r\n\r\n"), out.size() - 4) << out;
    }
  }
  EXPECT_FALSE(has_8bit(ascii_header("From \xc3\xbc\r\nSubject: x\r\n\r\n")));
}

}  // namespace
}  // namespace posthouse::message
