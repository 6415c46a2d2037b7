// Raw 8-bit text in ENVELOPE or BODYSTRUCTURE breaks IMAP4rev1 clients (RFC 3501 section 4.3): whatever
// stands in a header, what is told is ASCII on one line that a client can parse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/ascii.h"
#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

const std::string kHostile[] = {
    "Gr\xc3\xbc\xc3\x9f",                 // UTF-8
    "Gr\xfc\xdf",                         // Latin 1
    "\xf0\x9f\x98\x80 \xe2\x80\xae txt",  // emoji, right to left
    "\xc3",                               // half a character
    "\xed\xa0\x80\xed\xb0\x80",           // surrogates
    "\xff\xfe\x80\x81",                   // none at all
    std::string("nul \0 inside \x01\x1b[2J", 18),
    "quote \" back \\ slash ) ( {5} *",
    "=?utf-8?q?=C3=BC?= \xc3\xbc =?x?",
    std::string(300, '\xe9'),
};

std::string message_with(const std::string& x) {
  std::string text;
  for (const char* name :
       {"Subject", "Date", "Message-ID", "In-Reply-To", "Content-ID", "Content-Description", "Content-MD5",
        "Content-Language", "Content-Location", "From", "Sender", "To"}) {
    text += std::string(name) + ": " + x + "\r\n";
  }
  text += "Reply-To: \"" + x + "\" <" + x + "@" + x + ">, " + x + ": <a@b>;\r\n";
  text += "Cc: (" + x + ") c@d, <@" + x + ":e@f>\r\nMIME-Version: 1.0\r\n";
  text += "Content-Type: multipart/mixed; boundary=b; x=\"" + x + "\"\r\n\r\n--b\r\n";
  text += "Content-Type: text/" + x + "; name=\"" + x + "\"; " + x + "=y\r\nContent-Transfer-Encoding: " + x +
          "\r\n";
  text += "Content-Disposition: " + x + "; filename=\"" + x + "\"\r\n\r\nbody\r\n--b\r\n";
  text +=
      "Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename*=utf-8''" + x + "\r\n\r\n";
  text += "Subject: " + x + "\r\nFrom: " + x + " <g@h>\r\n\r\ninner\r\n--b--\r\n";
  return text;
}

// Parentheses balance outside of strings, and nothing follows.
bool is_one_list(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; i++) i += text[i] == '\\' ? 1 : 0;
      if (i >= text.size()) return false;
    } else if (text[i] == '(') {
      depth++;
    } else if (text[i] == ')') {
      if (--depth == 0) return i + 1 == text.size();
    }
  }
  return false;
}

TEST(ImapAscii, WhateverTheHeaderHolds) {
  House house;
  size_t count = 0;
  for (const std::string& text : kHostile) {
    house.deliver(1, "INBOX", message_with(text));
    count++;
  }
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\n");
  for (const char* item : {"ENVELOPE", "BODYSTRUCTURE", "BODY"}) {
    for (size_t n = 1; n <= count; n++) {
      const std::string begin = "* " + std::to_string(n) + " FETCH ";
      const std::string answer = client->ask("b FETCH " + std::to_string(n) + " " + item + "\r\n");
      const std::string end = "\r\nb OK FETCH done\r\n";
      ASSERT_TRUE(answer.starts_with(begin) && answer.ends_with(end)) << answer;
      const std::string list = answer.substr(begin.size(), answer.size() - begin.size() - end.size());
      EXPECT_TRUE(std::all_of(list.begin(), list.end(), [](char c) { return !is_8bit(c) && c != '\0'; }))
          << list;
      EXPECT_EQ(list.find_first_of("\r\n"), std::string::npos) << list;
      EXPECT_TRUE(is_one_list(list)) << list;
    }
  }
}

}  // namespace
}  // namespace posthouse::access::imap::test
