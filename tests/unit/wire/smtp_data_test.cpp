// Dots on and off, and the end mark that nobody can fake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "wire/smtp/data_decoder.h"
#include "wire/smtp/dot_stuffer.h"
#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {
namespace {

using Defect = DataDecoder::Defect;

struct Outcome {
  std::string body;
  Defect defect = Defect::none;
  bool end = false;
  size_t consumed = 0;
};

// Decodes `input` cut into pieces of `chunk` bytes (0: one piece).
Outcome decode(std::string_view input, size_t chunk = 0) {
  Outcome out;
  DataDecoder decoder;
  if (chunk == 0) chunk = input.size();
  while (out.consumed < input.size() && !out.end) {
    const std::string_view piece = input.substr(out.consumed, chunk);
    size_t used = 0;
    while (used < piece.size() && !out.end) {
      const DataDecoder::Piece step = decoder.next(piece.substr(used));
      EXPECT_GT(step.consumed, 0u);
      used += step.consumed;
      out.body += step.body;
      out.end = step.end;
    }
    out.consumed += used;
  }
  out.defect = decoder.defect();
  EXPECT_EQ(decoder.size(), out.body.size());
  return out;
}

void expect_body(std::string_view wire, std::string_view body) {
  for (size_t chunk : {0, 1, 2, 3, 5}) {
    const Outcome out = decode(wire, chunk);
    EXPECT_TRUE(out.end) << testing::PrintToString(wire);
    EXPECT_EQ(out.defect, Defect::none);
    EXPECT_EQ(out.body, body);
    EXPECT_EQ(out.consumed, wire.size());
  }
}

TEST(SmtpData, PlainBodies) {
  expect_body(".\r\n", "");
  expect_body("\r\n.\r\n", "\r\n");
  expect_body("a\r\n.\r\n", "a\r\n");
  expect_body("Subject: x\r\n\r\nbody\r\n.\r\n", "Subject: x\r\n\r\nbody\r\n");
}

TEST(SmtpData, DotsAreUnstuffed) {
  expect_body("..\r\n.\r\n", ".\r\n");
  expect_body("..a\r\n...\r\n.b\r\n.\r\n", ".a\r\n..\r\nb\r\n");
  expect_body("a.\r\n. \r\n.\r\n", "a.\r\n \r\n");
}

TEST(SmtpData, WhatFollowsTheEndIsNotTaken) {
  const std::string wire = "a\r\n.\r\nMAIL FROM:<x@y>\r\n";
  for (size_t chunk : {0, 1, 4}) EXPECT_EQ(decode(wire, chunk).consumed, 6u);
}

// The end marks that some server somewhere has taken for one (CVE-2023-51764, -51765, -51766). The inner
// letter must stay inside the outer, which is refused.
TEST(SmtpData, FakeEndMarksDoNotEnd) {
  using namespace std::string_literals;
  const std::string fakes[] = {"\n.\n"s,       "\n.\r\n"s,   "\r\n.\n"s,     "\r.\r"s,
                               "\r.\r\n"s,     "\r\n.\r"s,   "\n.\r"s,       "\r.\n"s,
                               "\r\n.\r\r\n"s, "\r\r\n.\n"s, "\r\n\0.\r\n"s, "\r\n.\0\r\n"s};
  for (const std::string& fake : fakes) {
    const std::string wire = "outer" + fake + "MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nevil\r\n.\r\n";
    for (size_t chunk : {0, 1, 2, 3, 7}) {
      const Outcome out = decode(wire, chunk);
      EXPECT_TRUE(out.end);
      EXPECT_EQ(out.consumed, wire.size()) << testing::PrintToString(fake);
      const bool harmless = fake.find('\0') != std::string::npos;
      EXPECT_EQ(out.defect == Defect::none, harmless) << testing::PrintToString(fake);
    }
  }
  // With NUL the lines are ordinary text.
  EXPECT_EQ(decode("a\r\n\0.\r\nb\r\n.\r\n"s).body, "a\r\n\0.\r\nb\r\n"s);
}

TEST(SmtpData, TheFirstDefectIsTold) {
  EXPECT_EQ(decode("a\rb\nc\r\n.\r\n").defect, Defect::bare_cr);
  EXPECT_EQ(decode("a\nb\rc\r\n.\r\n").defect, Defect::bare_lf);
  EXPECT_EQ(decode("a\nb\r\n.\r\n").body, "a");
  // CR before a real end mark: the mark is one, the letter is not.
  const Outcome out = decode("a\r\r\n.\r\n");
  EXPECT_TRUE(out.end);
  EXPECT_EQ(out.defect, Defect::bare_cr);
}

TEST(SmtpData, LongLinesAreTakenUpToTheLimit) {
  const std::string line(kMaxTextLine, 'x');
  EXPECT_EQ(decode(line + "\r\n.\r\n", 16384).defect, Defect::none);
  EXPECT_EQ(decode(line + "y\r\n.\r\n", 16384).defect, Defect::line_too_long);
  EXPECT_EQ(decode(line + "y\r\n.\r\n").defect, Defect::line_too_long);
  DataDecoder decoder;
  decoder.next("short\r\nlonger line\r\nx");
  EXPECT_EQ(decoder.longest_line(), 11u);
}

TEST(SmtpData, BigSpansAreNotCut) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\r\n";
  DataDecoder decoder;
  const DataDecoder::Piece piece = decoder.next(text + ".\r\n");
  EXPECT_EQ(piece.body.size(), text.size());
}

std::string from_alphabet(const std::vector<uint8_t>& picks) {
  std::string out;
  for (uint8_t pick : picks) out += "\r\n.ab\n\r.."[pick % 10];
  return out;
}

// A plain restatement of section 4.5.2 to compare with: cut at the first CRLF.CRLF, look for bare bytes, take
// dots.
Outcome reference(std::string_view wire) {
  Outcome out;
  const std::string framed = "\r\n" + std::string(wire);
  const size_t end = framed.find("\r\n.\r\n");
  out.end = end != std::string::npos;
  out.consumed = out.end ? end + 3 : wire.size();
  const std::string text = framed.substr(0, out.end ? end + 2 : framed.size());
  for (size_t i = 2; i < text.size(); ++i) {
    const bool cr = text[i] == '\r' && i + 1 < text.size() && text[i + 1] != '\n';
    const bool lf = text[i] == '\n' && text[i - 1] != '\r';
    if (out.defect == Defect::none && cr) out.defect = Defect::bare_cr;
    if (out.defect == Defect::none && lf) out.defect = Defect::bare_lf;
    const bool stuffing = text[i] == '.' && text[i - 1] == '\n' && text[i - 2] == '\r';
    if (!stuffing) out.body += text[i];
  }
  return out;
}

RC_GTEST_PROP(SmtpDataProperty, SameAsTheReferenceInAnyPieces,
              (const std::vector<uint8_t>& picks, uint8_t chunk)) {
  const std::string wire = from_alphabet(picks);
  const Outcome expected = reference(wire);
  for (size_t size : {size_t{0}, size_t{1}, size_t{chunk % 7u} + 1}) {
    const Outcome out = decode(wire, size);
    RC_ASSERT(out.end == expected.end);
    RC_ASSERT(out.consumed == expected.consumed);
    if (!expected.end) continue;
    RC_ASSERT(out.defect == expected.defect);
    if (expected.defect != Defect::none) continue;
    RC_ASSERT(out.body == expected.body);
  }
}

std::string stuff(std::string_view text, size_t chunk) {
  DotStuffer stuffer;
  std::string out;
  for (size_t at = 0; at < text.size(); at += chunk) stuffer.add(text.substr(at, chunk), out);
  stuffer.finish(out);
  return out;
}

TEST(SmtpDotStuffer, StuffsAndEnds) {
  for (size_t chunk : {1, 2, 3, 100}) {
    EXPECT_EQ(stuff("", chunk), ".\r\n");
    EXPECT_EQ(stuff("a\r\n", chunk), "a\r\n.\r\n");
    EXPECT_EQ(stuff("a", chunk), "a\r\n.\r\n");
    EXPECT_EQ(stuff(".\r\n..\r\na.\r\n", chunk), "..\r\n...\r\na.\r\n.\r\n");
  }
}

TEST(SmtpDotStuffer, MendsBareLineEnds) {
  for (size_t chunk : {1, 2, 3, 100}) {
    EXPECT_EQ(stuff("a\n.\nMAIL", chunk), "a\r\n..\r\nMAIL\r\n.\r\n");
    EXPECT_EQ(stuff("a\r.\rb\r", chunk), "a\r\n..\r\nb\r\n.\r\n");
  }
}

// Hostile text through our own client side and back through the server side: one letter, never two.
RC_GTEST_PROP(SmtpDotStufferProperty, RoundTripIsOneLetter,
              (const std::vector<uint8_t>& picks, uint8_t chunk)) {
  const std::string text = from_alphabet(picks);
  const std::string wire = stuff(text, size_t{chunk % 5u} + 1);
  RC_ASSERT(wire == stuff(text, text.size() + 1));
  const Outcome out = decode(wire);
  RC_ASSERT(out.end);
  RC_ASSERT(out.consumed == wire.size());
  RC_ASSERT(out.defect == Defect::none);
}

}  // namespace
}  // namespace posthouse::wire::smtp
