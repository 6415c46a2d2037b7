// CommandReader: framing, literals, limits, recovery (RFC 3501 sections 2.2, 4.3; RFC 7888).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/imap/command_reader.h"

#include "wire/imap/limits.h"

namespace posthouse::wire::imap {
namespace {

// The URLs among the parts, and how many messages end.
std::string parts_of(const AppendParts& parts) {
  std::string out;
  size_t ends = 0;
  for (const AppendPart& part : parts) {
    if (part.kind == AppendPart::url) out += " " + part.text;
    ends += part.kind == AppendPart::end ? 1 : 0;
  }
  return ends == 1 ? out : out + " ends=" + std::to_string(ends);
}

// A dialogue as one line of text: what the reader asks for or gives.
std::string describe(const Event& event) {
  if (std::holds_alternative<NeedMore>(event)) return "more";
  if (std::holds_alternative<NeedContinuation>(event)) return "+";
  if (const auto* end = std::get_if<BodyEnd>(&event)) return "body-end" + parts_of(end->parts);
  if (const auto* next = std::get_if<NextBody>(&event)) {
    return (next->parts.back().binary ? "next binary" : "next") + parts_of(next->parts);
  }
  if (const auto* rejected = std::get_if<Rejected>(&event)) {
    return "BAD " + rejected->tag + (rejected->fatal ? " fatal" : "") + (rejected->too_big ? " toobig" : "");
  }
  const auto& parsed = std::get<Parsed>(event);
  std::string out = parsed.tag + " #" + std::to_string(parsed.command.index());
  if (const auto* append = std::get_if<Append>(&parsed.command); append && append->parts.front().catenate)
    out += parts_of(append->parts);
  return out;
}

// Feeds `text` in pieces of `step`, accepting every message of APPEND; gives all that happened.
std::vector<std::string> run(CommandReader& reader, std::string_view text, size_t step) {
  std::vector<std::string> out;
  std::string body;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view input = text.substr(at, step);
    while (!input.empty()) {
      if (reader.body_left() > 0) {
        body += reader.take_body(input);
        if (reader.body_left() == 0) out.push_back("body=" + std::exchange(body, ""));
        continue;
      }
      Event event = reader.next(input);
      if (std::holds_alternative<NeedMore>(event)) continue;
      out.push_back(describe(event));
      const auto* parsed = std::get_if<Parsed>(&event);
      const bool further = std::holds_alternative<NextBody>(event);
      if (reader.offers_body()) {
        EXPECT_TRUE(further || parsed);
        reader.accept_body();
        if (reader.body_left() == 0) out.push_back("body=");
      }
      const auto* rejected = std::get_if<Rejected>(&event);
      if (rejected && rejected->fatal) return out;
    }
  }
  return out;
}

std::vector<std::string> run(std::string_view text, bool authenticated = true) {
  CommandReader whole;
  whole.set_authenticated(authenticated);
  auto expected = run(whole, text, text.size());
  for (size_t step : {1u, 2u, 3u, 7u}) {
    CommandReader pieces;
    pieces.set_authenticated(authenticated);
    EXPECT_EQ(run(pieces, text, step), expected) << "in pieces of " << step;
  }
  return expected;
}

template <class C>
std::string name(const char* tag) {
  return std::string(tag) + " #" + std::to_string(Command(C{}).index());
}

using testing::ElementsAre;

TEST(ImapReader, LinesBecomeCommands) {
  EXPECT_THAT(run("a NOOP\r\nb CAPABILITY\r\n"), ElementsAre(name<Noop>("a"), name<Capability>("b")));
  EXPECT_THAT(run("a noop\r\n"), ElementsAre(name<Noop>("a")));
}

TEST(ImapReader, ErrorsKeepTheTag) {
  EXPECT_THAT(run("a NONSENSE\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("\r\nb NOOP\r\n"), ElementsAre("BAD *", name<Noop>("b")));
  EXPECT_THAT(run("(\r\n"), ElementsAre("BAD *"));
  EXPECT_THAT(run("a NOOP x\r\n"), ElementsAre("BAD a"));
}

TEST(ImapReader, OnlyCrlfEndsALine) {
  EXPECT_THAT(run("a NOOP\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
}

TEST(ImapReader, SynchronizingLiteralsAskFirst) {
  EXPECT_THAT(run("a LOGIN {5}\r\nalice {4}\r\ndemo\r\n", false), ElementsAre("+", "+", name<Login>("a")));
}

TEST(ImapReader, NonSynchronizingLiteralsDoNot) {
  EXPECT_THAT(run("a LOGIN {5+}\r\nalice {4+}\r\ndemo\r\n", false), ElementsAre(name<Login>("a")));
}

TEST(ImapReader, LiteralThatLooksLikeALiteralHeader) {
  EXPECT_THAT(run("a LOGIN x {4+}\r\n{99}\r\nb NOOP\r\n", false),
              ElementsAre(name<Login>("a"), name<Noop>("b")));
  EXPECT_THAT(run("a LOGIN {0+}\r\n {5+}\r\n{99+}\r\nb NOOP\r\n", false),
              ElementsAre(name<Login>("a"), name<Noop>("b")));
}

TEST(ImapReader, LiteralContentIsNeverACommand) {
  // A broken command with a literal that holds a whole command: the literal goes, the command in it never
  // runs.
  EXPECT_THAT(run("a NONSENSE {12+}\r\nx DELETE b\r\n\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a SELECT \"unfinished {11+}\r\nx DELETE b\r\n\r\nb NOOP\r\n"),
              testing::Contains(name<Noop>("b")));
}

TEST(ImapReader, BeforeLoginOnlyLoginHasLiterals) {
  EXPECT_THAT(run("a SELECT {5}\r\nb NOOP\r\n", false), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a SELECT {5+}\r\nINBOX\r\nb NOOP\r\n", false), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a LOGIN {1025}\r\nb NOOP\r\n", false), ElementsAre("BAD a toobig", name<Noop>("b")));
}

TEST(ImapReader, HugeLiteralsEndTheSession) {
  EXPECT_THAT(run("a LOGIN {99999999999999999999999+}\r\n", false), ElementsAre("BAD a fatal"));
  EXPECT_THAT(run("a LOGIN {99999999999999999999999}\r\nb NOOP\r\n", false),
              ElementsAre("BAD a toobig", name<Noop>("b")));
  EXPECT_THAT(run("a LOGIN {70000+}\r\n", false), ElementsAre("BAD a fatal toobig"));
  EXPECT_THAT(run("a SELECT {4294967296+}\r\n"), ElementsAre("BAD a fatal toobig"));
}

TEST(ImapReader, LongLinesAreSkippedInConstantMemory) {
  std::string text = "a NOOP " + std::string(kMaxLoginLine, 'x') + "\r\nb NOOP\r\n";
  EXPECT_THAT(run(text, false), ElementsAre("BAD a", name<Noop>("b")));
  // The end of the long line is a literal header: the literal is skipped too.
  text = "a NOOP " + std::string(kMaxLoginLine, 'x') + " {9+}\r\nc NOOP\r\nd\r\nb NOOP\r\n";
  EXPECT_THAT(run(text, false), ElementsAre("BAD a", name<Noop>("b")));
  text = "a " + std::string(kMaxLoginDiscard + kMaxLoginLine + 20'000, 'x');
  EXPECT_THAT(run(text, false), testing::ElementsAre("BAD a", "BAD * fatal"));
}

TEST(ImapReader, LongLinesAreRefusedBeforeTheirEnd) {
  std::string text = "a SEARCH " + std::string(kMaxCommand, 'x');
  EXPECT_THAT(run(text), ElementsAre("BAD a"));
  // The rest of it has no second answer, however much it is; nor has a literal at its end.
  text += std::string(kMaxCommand, ' ') + "b NOOP {8}\r\nc NOOP\r\n";
  EXPECT_THAT(run(text), ElementsAre("BAD a", name<Noop>("c")));
  EXPECT_THAT(run("a APPEND INBOX {2+}\r\nxx (" + std::string(kMaxCommand, 'x')),
              ElementsAre(name<Append>("a"), "body=xx", "BAD a"));
  // One octet less is a command like others.
  const std::string most = "a SEARCH TEXT " + std::string(kMaxCommand - 16, 'x');
  EXPECT_THAT(run(most + "\r\nb NOOP\r\n"), ElementsAre(name<Search>("a"), name<Noop>("b")));
  EXPECT_THAT(run(most + "x\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
}

TEST(ImapReader, TotalOfACommandIsLimited) {
  const std::string piece = " {30000+}\r\n" + std::string(30'000, 'x');
  std::string text = "a SEARCH TEXT" + piece + " TEXT" + piece + " TEXT" + piece + "\r\nb NOOP\r\n";
  EXPECT_THAT(run(text), ElementsAre("BAD a toobig", name<Noop>("b")));
}

TEST(ImapReader, AppendHandsOutTheMessage) {
  EXPECT_THAT(run("a APPEND INBOX {5}\r\nhello\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=hello", "body-end", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND INBOX (\\Seen) \" 1-Jan-2026 00:00:00 +0000\" {2+}\r\n\r\n\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=\r\n", "body-end", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND {5}\r\nINBOX {3}\r\nabc\r\n"),
              ElementsAre("+", name<Append>("a"), "body=abc", "body-end"));
}

TEST(ImapReader, AppendErrors) {
  EXPECT_THAT(run("a APPEND INBOX\r\n"), ElementsAre("BAD a"));
  EXPECT_THAT(run("a APPEND INBOX (\\Recent) {3}\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND INBOX bad {3+}\r\nabc\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  // RFC 3502
  EXPECT_THAT(
      run("a APPEND INBOX {3+}\r\nabc (\\Seen) ~{3+}\r\ndef\r\nb NOOP\r\n"),
      ElementsAre(name<Append>("a"), "body=abc", "next binary", "body=def", "body-end", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND INBOX {3+}\r\nabc {3+} {3+}\r\ndef\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=abc", "BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND INBOX {3+}\r\nabc (\\Nonsense) {3+}\r\ndef {4+}\r\n1234\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=abc", "BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND INBOX {3+}\r\nabcd\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=abc", "BAD a", name<Noop>("b")));
}

// RFC 4469, RFC 6855 section 4, RFC 8508.
TEST(ImapReader, AppendOfSeveralParts) {
  EXPECT_THAT(run("a APPEND x CATENATE (URL /a TEXT {3+}\r\nabc URL \"/b\" URL /c)\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a") + " /a ends=0", "body=abc", "body-end /b /c", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x CATENATE (URL {2}\r\n/a)\r\nb NOOP\r\n"),
              ElementsAre("+", name<Append>("a") + " /a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x CATENATE (TEXT {3+}\r\nabc URL {2}\r\n/a TEXT {0+}\r\n) {1+}\r\nx\r\n"),
              ElementsAre(name<Append>("a") + " ends=0", "body=abc", "+", "next /a ends=0", "body=", "next",
                          "body=x", "body-end"));
  EXPECT_THAT(run("a APPEND x UTF8 (~{3+}\r\nabc) UTF8 (~{1+}\r\nx)\r\n"),
              ElementsAre(name<Append>("a"), "body=abc", "next binary", "body=x", "body-end"));
  EXPECT_THAT(run("a APPEND x CATENATE (UTF8 (~{3+}\r\nabc) URL /a) CATENATE (URL /b)\r\n"),
              ElementsAre(name<Append>("a") + " ends=0", "body=abc", "body-end /a /b ends=2"));
  EXPECT_THAT(run("a UID REPLACE 7 x {3+}\r\nabc\r\nb NOOP\r\n"),
              ElementsAre(name<Replace>("a"), "body=abc", "body-end", name<Noop>("b")));
  EXPECT_THAT(run("a REPLACE * x CATENATE (URL /a)\r\n"), ElementsAre(name<Replace>("a")));
}

TEST(ImapReader, AppendOfSeveralPartsErrors) {
  EXPECT_THAT(run("a REPLACE 7 x {3+}\r\nabc {3+}\r\ndef\r\nb NOOP\r\n"),
              ElementsAre(name<Replace>("a"), "body=abc", "BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x CATENATE (TEXT {3+}\r\nabc\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a") + " ends=0", "body=abc", "BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x UTF8 ({3+}\r\nabc)\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x CATENATE (TEXT {1+}\r\nx URL {70000}\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a") + " ends=0", "body=x", "BAD a toobig", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x CATENATE ()\r\nb NOOP\r\n"), ElementsAre("BAD a", name<Noop>("b")));
  EXPECT_THAT(run("a APPEND x {3+}\r\nabc)\r\nb NOOP\r\n"),
              ElementsAre(name<Append>("a"), "body=abc", "BAD a", name<Noop>("b")));
}

// RFC 6855 section 3
TEST(ImapReader, QuotedStringsAreUtf8OnceEnabled) {
  const std::string line = "a SELECT \"\xff\"\r\n";
  CommandReader reader;
  reader.set_authenticated(true);
  std::string_view input = line;
  EXPECT_EQ(describe(reader.next(input)), name<Select>("a"));
  reader.set_utf8(true);
  input = line;
  EXPECT_EQ(describe(reader.next(input)), "BAD a");
  const std::string good = "a SELECT \"\xc3\xbc\"\r\n";
  input = good;
  EXPECT_EQ(describe(reader.next(input)), name<Select>("a"));
}

TEST(ImapReader, AppendOverTheLimit) {
  CommandReader reader;
  reader.set_authenticated(true);
  reader.set_append_limit(10);
  EXPECT_THAT(run(reader, "a APPEND INBOX {11}\r\nb NOOP\r\n", 5),
              ElementsAre("BAD a toobig", name<Noop>("b")));
  EXPECT_THAT(run(reader, "a APPEND INBOX {11+}\r\n01234567890\r\nb NOOP\r\n", 5),
              ElementsAre("BAD a toobig", name<Noop>("b")));
}

TEST(ImapReader, RefusedMessagesAreSkippedInSilence) {
  CommandReader reader;
  reader.set_authenticated(true);
  std::string_view input = "a APPEND nowhere {7+}\r\nx NOOP\n\r\nb NOOP\r\n";
  EXPECT_EQ(describe(reader.next(input)), name<Append>("a"));
  reader.refuse_body();
  EXPECT_EQ(describe(reader.next(input)), name<Noop>("b"));
  input = "c APPEND nowhere {7}\r\n";
  EXPECT_EQ(describe(reader.next(input)), name<Append>("c"));
  reader.refuse_body();
  input = "d NOOP\r\n";
  EXPECT_EQ(describe(reader.next(input)), name<Noop>("d"));
  EXPECT_TRUE(reader.idle());
}

TEST(ImapReader, NulAndControlCharactersAreErrors) {
  EXPECT_THAT(run(std::string_view("a LOGIN x\0y z\r\n", 15), false), ElementsAre("BAD a"));
  EXPECT_THAT(run(std::string_view("a LOGIN {3+}\r\nx\0y z\r\n", 21), false), ElementsAre("BAD a"));
  EXPECT_THAT(run("a LOGIN \"x\ry\" z\r\n", false), ElementsAre("BAD a"));
}

}  // namespace
}  // namespace posthouse::wire::imap
