// ResponseReader: what servers say to a client (RFC 3501 section 7, RFC 9051 section 7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "wire/imap_client/limits.h"
#include "wire/imap_client/response_reader.h"

namespace posthouse::wire::imap_client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Heard {
  std::vector<Response> responses;
  std::vector<std::string> bodies;
  std::string broken;
};

Heard hear(std::string_view text, size_t step = 1) {
  ResponseReader reader;
  Heard out;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view input = text.substr(at, step);
    while (true) {
      const std::string_view part = reader.take_body(input);
      if (!part.empty()) out.bodies.back() += part;
      if (reader.body_left() > 0) break;
      Event event = reader.next(input);
      if (std::holds_alternative<NeedMore>(event)) break;
      if (auto* broken = std::get_if<Broken>(&event)) {
        out.broken = broken->why;
        return out;
      }
      if (std::holds_alternative<BodyBegins>(event)) out.bodies.emplace_back();
      if (auto* response = std::get_if<Response>(&event)) out.responses.push_back(std::move(*response));
    }
  }
  return out;
}

template <class T>
T one(std::string_view text) {
  for (const size_t step : {size_t{1}, size_t{3}, text.size()}) {
    Heard heard = hear(text, step);
    EXPECT_EQ(heard.broken, "") << text;
    if (heard.responses.size() != 1 || !std::holds_alternative<T>(heard.responses[0])) {
      ADD_FAILURE() << text;
      return T();
    }
    if (step == text.size()) return std::get<T>(heard.responses[0]);
  }
  return T();
}

TEST(ImapResponse, Status) {
  auto status = one<Status>("* OK [UIDVALIDITY 17] UIDs valid\r\n");
  EXPECT_EQ(status.kind, Status::ok);
  EXPECT_EQ(status.tag, "");
  EXPECT_EQ(status.code, "UIDVALIDITY");
  EXPECT_EQ(status.code_value, "17");
  EXPECT_EQ(status.text, "UIDs valid");
  status = one<Status>("a7 no [alert] Quota {5}\n");
  EXPECT_EQ(status.kind, Status::no);
  EXPECT_EQ(status.tag, "a7");
  EXPECT_EQ(status.code, "ALERT");
  EXPECT_EQ(status.text, "Quota {5}");
  EXPECT_EQ(one<Status>("* BYE\r\n").kind, Status::bye);
  EXPECT_EQ(one<Status>("* PREAUTH hello {3}\r\n").kind, Status::preauth);
  EXPECT_EQ(one<Continuation>("+ go {1}\r\n").text, "go {1}");
  EXPECT_EQ(one<Continuation>("+\r\n").text, "");
}

TEST(ImapResponse, Capabilities) {
  const auto told = one<Capabilities>("* CAPABILITY IMAP4rev1 AUTH=plain  LITERAL+\r\n");
  EXPECT_THAT(told.names, ElementsAre("IMAP4REV1", "AUTH=PLAIN", "LITERAL+"));
  EXPECT_TRUE(told.has("AUTH=PLAIN"));
  EXPECT_FALSE(told.has("AUTH"));
  EXPECT_THAT(one<Enabled>("* ENABLED UTF8=ACCEPT\r\n").names, ElementsAre("UTF8=ACCEPT"));
  EXPECT_TRUE(one<Enabled>("* ENABLED\r\n").names.empty());
}

TEST(ImapResponse, List) {
  auto listed = one<Listed>("* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent \\\"Items\\\"\"\r\n");
  EXPECT_TRUE(listed.is("\\sent"));
  EXPECT_EQ(listed.separator, '/');
  EXPECT_EQ(listed.name, "Sent \"Items\"");
  EXPECT_EQ(one<Listed>("* LIST () NIL INBOX\r\n").separator, 0);
  EXPECT_EQ(one<Listed>("* LIST () \"\\\\\" {5}\r\na\"\r\nb\r\n").name, "a\"\r\nb");
  EXPECT_EQ(one<Listed>("* LIST () \".\" Without quotes\r\n").name, "Without quotes");
  EXPECT_EQ(one<Listed>("* LIST () \".\" a[b]c (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n").name, "a[b]c");
  EXPECT_EQ(one<Listed>("* XLIST (\\AllMail) \"/\" x\r\n").name, "x");
}

TEST(ImapResponse, Namespace) {
  const auto told = one<Namespaces>(
      "* NAMESPACE ((\"INBOX.\" \".\" \"X\" (\"y\"))(\"\" NIL)) NIL ((\"#shared.\" \".\"))\r\n");
  ASSERT_EQ(told.personal.size(), 2);
  EXPECT_EQ(told.personal[0].prefix, "INBOX.");
  EXPECT_EQ(told.personal[0].separator, '.');
  EXPECT_TRUE(told.others.empty());
  ASSERT_EQ(told.shared.size(), 1);
  EXPECT_EQ(told.shared[0].prefix, "#shared.");
}

TEST(ImapResponse, Fetch) {
  auto fetched = one<Fetched>(
      "* 3 FETCH (UID 9 FLAGS (\\Seen \\Recent $Label1) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
      "RFC822.SIZE 44)\r\n");
  EXPECT_EQ(fetched.sequence, 3);
  EXPECT_EQ(fetched.uid, 9);
  EXPECT_EQ(fetched.flags.system, imap::kSeen);
  EXPECT_THAT(fetched.flags.keywords, ElementsAre("$Label1"));
  EXPECT_EQ(fetched.date, 837596665);
  EXPECT_EQ(fetched.size, 44);
  EXPECT_EQ(fetched.body, Fetched::none);
  EXPECT_EQ(one<Fetched>("* 1 FETCH (BODY[] NIL UID 1)\r\n").body, Fetched::nil);
  fetched = one<Fetched>("* 1 FETCH (BODY[] \"a \\\\b\" UID 1)\r\n");
  EXPECT_EQ(fetched.body, Fetched::inside);
  EXPECT_EQ(fetched.text, "a \\b");
  // What was not asked for is passed over.
  fetched = one<Fetched>(
      "* 1 FETCH (X-GM-LABELS (\"a\" \\\\b (c)) BODY[HEADER.FIELDS (A B)] {3}\r\n)\"( ENVELOPE NIL UID "
      "4)\r\n");
  EXPECT_EQ(fetched.uid, 4);
}

TEST(ImapResponse, LettersAreStreamed) {
  const std::string letter = "Subject: x\r\n\r\n)\0* 1 FETCH\r\n" + std::string(1, '\0') + "{5}";
  for (const std::string_view item : {"BODY[]", "body[]", "RFC822"}) {
    const std::string text = "* 2 FETCH (UID 7 " + std::string(item) + " {" + std::to_string(letter.size()) +
                             "}\r\n" + letter + " FLAGS (\\Seen))\r\na OK done\r\n";
    for (const size_t step : {size_t{1}, size_t{7}, text.size()}) {
      const Heard heard = hear(text, step);
      EXPECT_EQ(heard.broken, "");
      EXPECT_THAT(heard.bodies, ElementsAre(letter));
      ASSERT_EQ(heard.responses.size(), 2);
      const auto& fetched = std::get<Fetched>(heard.responses[0]);
      EXPECT_EQ(fetched.body, Fetched::streamed);
      EXPECT_EQ(fetched.uid, 7);
      EXPECT_EQ(fetched.flags.system, imap::kSeen);
    }
  }
  const Heard empty = hear("* 2 FETCH (BODY[] ~{0}\r\n UID 7)\r\n");
  EXPECT_THAT(empty.bodies, ElementsAre(""));
  EXPECT_EQ(std::get<Fetched>(empty.responses.at(0)).uid, 7);
}

TEST(ImapResponse, WhatIsNoImapEndsIt) {
  EXPECT_THAT(hear("* LIST x\r\n").broken, HasSubstr("can't be read"));
  EXPECT_THAT(hear("HTTP/1.1 400 Bad Request\r\n").broken, HasSubstr("can't be read"));
  EXPECT_THAT(hear("* 1 FETCH (UID 0)\r\n").broken, HasSubstr("can't be read"));
  EXPECT_THAT(hear("* 1 FETCH (UID 99999999999)\r\n").broken, HasSubstr("can't be read"));
  EXPECT_THAT(hear("* 1 FETCH (BODY[] {1}\r\na BODY[] {1}\r\na)\r\n").broken, HasSubstr("two letters"));
  EXPECT_THAT(hear(std::string_view("* X \0\r\n", 7)).broken, HasSubstr("NUL"));
  EXPECT_EQ(hear("* SOMETHING new\r\n* 3 EXPUNGE\r\n").responses.size(), 2);
}

// A literal that is shorter or longer than was told puts the text out of step: an error, no wrong letter.
TEST(ImapResponse, ALiteralThatLies) {
  EXPECT_NE(hear("* 1 FETCH (UID 1 BODY[] {3}\r\nabcdef)\r\na OK\r\n").broken, "");
  const Heard shorter = hear("* 1 FETCH (UID 1 BODY[] {20}\r\nabc)\r\na OK done\r\n* 2 EXISTS\r\n");
  EXPECT_NE(shorter.broken, "");
  EXPECT_TRUE(shorter.responses.empty());
}

TEST(ImapResponse, IsBounded) {
  EXPECT_THAT(hear("* X " + std::string(kMaxResponse, 'x'), 1000).broken, HasSubstr("too long"));
  EXPECT_THAT(hear("* LIST () NIL {" + std::to_string(kMaxLiteral + 1) + "}\r\n", 10).broken,
              HasSubstr("too long"));
  EXPECT_THAT(hear("* LIST () NIL {18446744073709551615}\r\n", 10).broken, HasSubstr("too long"));
  std::string many = "* 1 FETCH (X (";
  for (int i = 0; i < 5; ++i) many += "{16000}\r\n" + std::string(16'000, 'x') + " ";
  EXPECT_THAT(hear(many, 1000).broken, HasSubstr("too long"));
  EXPECT_NE(hear("* 1 FETCH (X " + std::string(kMaxNesting + 1, '(') + ")\r\n").broken, "");
  EXPECT_NE(hear("* LIST (" + std::string(2 * kMaxWords + 2, 'x') + ") x\r\n", 100).broken, "");
  // A letter's size is for who stores it to judge: nothing is held here.
  EXPECT_EQ(hear("* 1 FETCH (BODY[] {18446744073709551615}\r\nabc", 100).bodies.at(0), "abc");
}

RC_GTEST_PROP(ImapResponse, PiecesMakeNoDifference, (std::string text)) {
  const auto step = *rc::gen::inRange<size_t>(1, 20);
  text = "* 1 FETCH (UID 1 BODY[] {4}\r\n" + text + " X \"" + text + "\")\r\n" + text;
  const Heard whole = hear(text, text.size()), pieces = hear(text, step);
  RC_ASSERT(whole.bodies == pieces.bodies);
  RC_ASSERT(whole.broken == pieces.broken);
  RC_ASSERT(whole.responses.size() == pieces.responses.size());
}

}  // namespace
}  // namespace posthouse::wire::imap_client
