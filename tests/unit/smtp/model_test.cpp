// Random sequences of commands against a small machine that says what must come of them: no transaction leaks
// into the next, whatever happened before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/ascii.h"
#include "unit/smtp/session_harness.h"

namespace posthouse::smtp::test {
namespace {

// The reference: states and codes of replies, by RFC 5321 section 4.1.4 and RFC 2033 section 4 alone.
struct Machine {
  bool lmtp = false;
  bool hello = false;
  bool mail = false;
  std::vector<int> recipients;  // how each fares at the end, where each has its own reply
  bool later = false;           // the transaction's sender is one whose letter is refused at the end
  int letters = 0;

  void reset() {
    mail = false;
    recipients.clear();
    later = false;
  }
  int greet(bool right_word) {
    if (!right_word) return 500;
    reset();
    hello = true;
    return 250;
  }
  int begin(bool accepted, bool refused_later) {
    if (!hello || mail) return 503;
    if (!accepted) return 550;
    mail = true;
    later = refused_later;
    return 250;
  }
  int oversized() const { return !hello || mail ? 503 : 552; }
  int recipient(int code, int at_the_end = 250) {
    if (!mail) return 503;
    if (code == 250) recipients.push_back(at_the_end);
    return code;
  }
  // The codes of DATA and, if it comes to that, of the end mark.
  std::vector<int> data() {
    if (!mail) return {503};
    std::vector<int> codes = recipients;
    const bool refused = later;
    reset();
    if (codes.empty()) return {lmtp ? 503 : 554};
    if (!refused) ++letters;
    if (!lmtp) codes = {250};
    if (refused) std::ranges::fill(codes, 554);
    codes.insert(codes.begin(), 354);
    return codes;
  }
};

struct Step {
  std::string bytes;
  std::vector<int> codes;
};

Step play(uint8_t pick, Machine& machine) {
  switch (pick % 18) {
    case 0:
      return {machine.lmtp ? "LHLO c\r\n" : "EHLO c\r\n", {machine.greet(true)}};
    case 1:
      return {"HELO c\r\n", {machine.greet(!machine.lmtp)}};
    case 2:
    case 3:
      return {"MAIL FROM:<a@b.test>\r\n", {machine.begin(true, false)}};
    case 4:
      return {"MAIL FROM:<refused@b.test>\r\n", {machine.begin(false, false)}};
    case 5:
      return {"MAIL FROM:<loop@b.test>\r\n", {machine.begin(true, true)}};
    case 6:
      return {"MAIL FROM:<broken\r\n", {501}};
    case 7:
      return {"RCPT TO:<bob@example.test>\r\n", {machine.recipient(250)}};
    case 8:
      return {"RCPT TO:<slow@example.test>\r\n", {machine.recipient(250, 451)}};
    case 9:
      return {"RCPT TO:<unknown@example.test>\r\n", {machine.recipient(550)}};
    case 10:
      machine.reset();
      return {"RSET\r\n", {250}};
    case 11:
      return {"NOOP\r\n", {250}};
    case 12:
      return {"VRFY bob\r\n", {252}};
    case 13:
      return {"FROB\r\n", {500}};
    case 14:
      return {"BDAT 0 LAST\r\n", {502}};
    case 15:
      return {"MAIL FROM:<a@b.test> SIZE=99999999999\r\n", {machine.oversized()}};
    default:
      break;
  }
  Step step{"DATA\r\n", machine.data()};
  if (step.codes.size() > 1) step.bytes += "RCPT TO:<bob@example.test>\r\n..\r\n.\r\n";
  return step;
}

std::vector<int> codes_of(std::string_view replies) {
  std::vector<int> out;
  for (std::string_view line : split(replies, '\n')) {
    if (line.size() > 3 && line[3] == ' ')
      out.push_back(static_cast<int>(parse_uint(line.substr(0, 3)).value_or(0)));
  }
  return out;
}

std::string to_text(const std::vector<int>& codes) {
  return testing::PrintToString(codes);
}

void follow(bool lmtp, const std::vector<uint8_t>& picks, uint8_t chunk) {
  SessionHarness harness;
  harness.options->max_errors = 1u << 30;
  harness.options->lmtp = lmtp;
  harness.begin(chunk % 4u);
  harness.heard();
  Machine machine;
  machine.lmtp = lmtp;
  for (uint8_t pick : picks) {
    const Step step = play(pick, machine);
    const std::string replies = harness.say(step.bytes);
    if (codes_of(replies) != step.codes)
      RC_LOG() << step.bytes << " said: " << replies << to_text(step.codes);
    RC_ASSERT(codes_of(replies) == step.codes);
    RC_ASSERT(harness.service.letters.size() == static_cast<size_t>(machine.letters));
  }
}

RC_GTEST_PROP(SmtpModel, TransactionsNeverLeak, (const std::vector<uint8_t>& picks, uint8_t chunk)) {
  follow(false, picks, chunk);
}

RC_GTEST_PROP(SmtpModel, LmtpTransactionsNeverLeak, (const std::vector<uint8_t>& picks, uint8_t chunk)) {
  follow(true, picks, chunk);
}

// The same, all in one segment: order and number of replies are those of the commands.
RC_GTEST_PROP(SmtpModel, PipelinedIsTheSame, (const std::vector<uint8_t>& picks)) {
  SessionHarness harness;
  harness.options->max_errors = 1u << 30;
  harness.begin();
  harness.heard();
  Machine machine;
  std::string all;
  std::vector<int> codes;
  for (uint8_t pick : picks) {
    const Step step = play(pick, machine);
    all += step.bytes;
    codes.insert(codes.end(), step.codes.begin(), step.codes.end());
  }
  RC_ASSERT(codes_of(harness.say(all)) == codes);
  RC_ASSERT(harness.service.letters.size() == static_cast<size_t>(machine.letters));
}

}  // namespace
}  // namespace posthouse::smtp::test
