// Hostile input of twice the length takes about twice the steps (docs/hazards.md, rows 9 to 11).
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "message/address_list.h"
#include "message/body_lists.h"
#include "message/content_field.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/flowed_text.h"
#include "message/fold.h"
#include "message/header_forms.h"
#include "message/headers.h"
#include "message/html_text.h"
#include "message/search_text.h"
#include "message/summary.h"
#include "message/thread.h"
#include "message/transfer.h"
#include "steps.h"

namespace posthouse::message {
namespace {

using Make = std::function<std::string(size_t)>;
using Work = std::function<void(std::string_view)>;

std::string times(std::string_view text, size_t n) {
  std::string out;
  out.reserve(text.size() * n);
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

// Everything that is done to a message that comes in and is listed.
void read_message(std::string_view message) {
  const Summary summary = summarize(message);
  const std::string record = encode(summary);
  std::string out;
  append_imap_envelope(out, record, false);
  append_imap_bodystructure(out, record, true, false);
  const auto again = decode(record);
  ASSERT_TRUE(again.has_value());
  body_lists(again->root);
  read_overview(record)->thread_base(again->envelope.in_reply_to);
}

// Everything that a value of the header can be read as.
void read_value(std::string_view value) {
  parse_address_list(value, 1'000'000);
  complete_addresses(value, "example.org");
  parse_content_field(value);
  parse_languages(value);
  parse_date(value);
  decode_words(value);
  decode_words_strictly(value);
  base_subject(value);
  grouped_addresses_form(value);
  message_ids_form(value);
  urls_form(value);
  date_form(value);
  std::string out;
  append_field(out, "X", value, true);
  append_text_field(out, "X", value, false);
}

void read_header(std::string_view block) {
  thread_base(block);
  header_size(block);
  select_fields(block, {"a", "b", "c"}, true);
  header_text(block);
}

// Pieces of `piece` octets, so that what is held between them is seen too.
template <class Reader>
void feed(Reader& reader, std::string_view text, size_t piece) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    reader.feed(text.substr(0, piece), out);
  reader.finish(out);
}

void read_text(std::string_view text) {
  for (size_t piece : {1, 1000}) {
    HtmlText html;
    feed(html, text, piece);
    FlowedText flowed(true);
    feed(flowed, text, piece);
    TransferDecoder quoted(TransferEncoding::quoted_printable), base64(TransferEncoding::base64);
    feed(quoted, text, piece);
    feed(base64, text, piece);
    TextFolder folder;
    feed(folder, text, piece);
  }
  TextSearch search({"aaaaaaaaaaaaaaaab", "nothing"});
  search.feed(text);
  search.end_text();
  encode_quoted_printable(text);
}

uint64_t steps_of(const Work& work, const std::string& input) {
  const uint64_t before = steps::count();
  work(input);
  return steps::count() - before;
}

void expect_linear(const std::string& what, const Make& make, const Work& work, size_t n) {
  const std::string once = make(n), twice = make(2 * n);
  const uint64_t one = steps_of(work, once), two = steps_of(work, twice);
  ASSERT_GT(one, 100u) << what << ": nothing is counted";
  EXPECT_LT(static_cast<double>(two), 2.3 * static_cast<double>(one) + 20'000)
      << what << ": " << one << " steps for " << once.size() << " octets, " << two << " for " << twice.size();
  EXPECT_LT(two / twice.size(), 2000u) << what;
}

TEST(Steps, AreCounted) {
  const uint64_t before = steps::count();
  std::string text(100'000, 'x');
  EXPECT_EQ(text.find('y'), std::string::npos);
  EXPECT_GE(steps::count(), before + 100'000 / 8);
  const Work quadratic = [](std::string_view input) {
    for (size_t i = 0; i < input.size(); ++i) decode_words(input.substr(i));
  };
  const uint64_t one = steps_of(quadratic, std::string(500, 'x')),
                 two = steps_of(quadratic, std::string(1000, 'x'));
  EXPECT_GT(two, 3 * one) << "what is not linear is seen";
}

std::string multipart(const std::string& boundary, const std::string& body) {
  return "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n--" + boundary + "\r\n" + body;
}

TEST(Steps, OfMessagesAreLinear) {
  const std::string head = multipart("b", "");
  const std::vector<std::pair<std::string, Make>> messages = {
      {"many fields", [](size_t n) { return times("X-Y: z\r\n", n); }},
      {"many From fields", [](size_t n) { return times("From: a@b\r\n", n); }},
      {"many Content-Type fields", [](size_t n) { return times("Content-Type: text/plain; a=b\r\n", n); }},
      {"many empty Content-Type fields", [](size_t n) { return times("Content-Type: x; a=b\r\n", n); }},
      {"many Content-Language fields", [](size_t n) { return times("Content-Language:\r\n", n); }},
      {"many References fields", [](size_t n) { return times("References: x\r\n", n); }},
      {"lines that are no fields", [](size_t n) { return "A: b\r\n" + times("xxxxx\r\n", n); }},
      {"folded lines", [](size_t n) { return "Subject: b\r\n" + times(" x\r\n", n); }},
      {"one long line", [](size_t n) { return "Subject: " + times("x", n * 10); }},
      {"mbox lines", [](size_t n) { return times("From x\r\n", n); }},
      {"addresses", [](size_t n) { return "To: " + times("\"A\" <a@b>,", n) + "\r\n\r\n"; }},
      {"references", [](size_t n) { return "References: " + times("<a@b> ", n) + "\r\n\r\n"; }},
      {"parameters",
       [](size_t n) {
         std::string out = "Content-Type: text/plain";
         for (size_t i = 0; i < n; ++i) out += "; a*" + std::to_string(i) + "*=b";
         return out + "\r\n\r\n";
       }},
      {"parts", [&](size_t n) { return head + times("\r\nx\r\n--b\r\n", n); }},
      {"delimiters only", [&](size_t n) { return head + times("--b\r\n", n); }},
      {"closing delimiters", [&](size_t n) { return head + times("--b--\r\n", n); }},
      {"nested multiparts",
       [](size_t n) {
         std::string out;
         for (size_t i = 0; i < n; ++i) out += multipart("b" + std::to_string(i), "");
         return out;
       }},
      {"nested multiparts of one boundary", [&](size_t n) { return times(head, n); }},
      {"nested messages", [](size_t n) { return times("Content-Type: message/rfc822\r\n\r\n", n); }},
      {"messages beside each other",
       [&](size_t n) {
         return head + times("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n\r\n--b\r\n", n);
       }},
      {"boundaries that are prefixes of each other",
       [](size_t n) {
         std::string out;
         for (size_t i = 1; i < 60; ++i) out += multipart(std::string(i, 'b'), "");
         return out + "\r\n" + times("--" + std::string(40, 'b') + "x\r\n", n / 10);
       }},
      {"delimiters of outer multiparts",
       [](size_t n) {
         std::string out;
         for (size_t i = 1; i < 60; ++i) out += multipart(std::string(i, 'b'), "");
         return out + times("\r\n--b\r\n" + multipart("c", ""), n / 10);
       }},
      {"lines of dashes", [&](size_t n) { return head + "\r\n" + times("--\r\n-\r\n", n); }},
      {"one line of dashes", [&](size_t n) { return head + "\r\n" + times("-", n * 10); }},
      {"one line of a delimiter and blanks", [&](size_t n) { return head + "\r\n--b" + times(" ", n * 10); }},
      {"HTML of marks", [](size_t n) { return "Content-Type: text/html\r\n\r\n" + times("<&", n * 4); }},
      {"flowed text",
       [](size_t n) { return "Content-Type: text/plain; format=flowed\r\n\r\n" + times("> \r\n", n * 2); }},
      {"quoted-printable",
       [](size_t n) {
         return "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + times("= \t=3=\r", n * 4);
       }},
      {"base64",
       [](size_t n) { return "Content-Transfer-Encoding: base64\r\n\r\n" + times("A=A==\r\n", n * 4); }},
      {"attachments", [&](size_t n) {
         return head +
                times("Content-Disposition: attachment; filename=\"=?utf-8?q?x?=\"\r\n\r\nx\r\n--b\r\n",
                      n / 2);
       }}};
  for (const auto& [what, make] : messages) expect_linear(what, make, read_message, 4000);
}

// The sizes that the table of hazards names, in one piece each: what is over a limit is cut, not looked at
// again.
TEST(Steps, OfBombsAreBounded) {
  const auto per_octet = [](const std::string& message) {
    return static_cast<double>(steps_of(read_message, message)) / static_cast<double>(message.size());
  };
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += multipart("b" + std::to_string(i), "");
  EXPECT_LT(per_octet(nested), 200);
  EXPECT_LT(per_octet("To: " + times("a@b, ", 1'000'000) + "\r\n\r\n"), 200);
  std::string parameters = "Content-Type: text/plain";
  for (int i = 0; i < 100'000; ++i) parameters += ";a*" + std::to_string(i) + "=b";
  EXPECT_LT(per_octet(parameters + "\r\n\r\n"), 200);
  EXPECT_LT(per_octet(multipart("b", times("\r\n--b\r\n", 100'000))), 400);
}

const std::vector<std::string> kMarks = {"(",
                                         ")",
                                         "\\",
                                         "\"",
                                         "\"a",
                                         "<",
                                         ">",
                                         "@",
                                         ",",
                                         ";",
                                         ":",
                                         "[",
                                         "]",
                                         "[a]",
                                         "[a",
                                         "Re:",
                                         "Re[a]",
                                         "fwd:",
                                         "[fwd:",
                                         "(fwd)",
                                         " ",
                                         "\t",
                                         "\r\n",
                                         "\r\n ",
                                         "=?",
                                         "?=",
                                         "=?a?q?",
                                         "=?a?b?x?=",
                                         "=?utf-8?q?=C3?= ",
                                         "*",
                                         "'",
                                         "%",
                                         "a=",
                                         "a*0*=b;",
                                         "a;",
                                         "a b",
                                         "<a@b>",
                                         "<a@b",
                                         "a@b,",
                                         "a:b;",
                                         "(a)",
                                         "((a)",
                                         "a(b)c",
                                         "\\\"",
                                         ".",
                                         "/",
                                         "1",
                                         "Mon,",
                                         "12:",
                                         "+0000",
                                         "é",
                                         "\xff",
                                         "e\xCC\x81",
                                         "a",
                                         "a ",
                                         "http:",
                                         "<(a)",
                                         "\"a\"@b,",
                                         "= ",
                                         "==",
                                         "=4",
                                         "=\r",
                                         "-- ",
                                         ">",
                                         "<!--",
                                         "-->",
                                         "<style>",
                                         "</style>",
                                         "<a '",
                                         "&amp;",
                                         "&",
                                         "&#x",
                                         "\n",
                                         "aaaaaaaaaaaaaaaa"};

TEST(Steps, OfValuesAreLinear) {
  for (const auto& mark : kMarks) {
    const auto repeated = [&](size_t n) { return times(mark, n); };
    expect_linear("values of " + mark, repeated, read_value, 3000);
    expect_linear(
        "header of " + mark, [&](size_t n) { return "Subject: " + times(mark, n); }, read_header, 3000);
    expect_linear("text of " + mark, repeated, read_text, 3000);
  }
}

// One mark, then much of another: an opening one that is never closed is looked for once.
TEST(Steps, OfPairsOfMarksAreLinear) {
  const std::vector<std::string> some = {"(",    "\"",     "<",  "[", "=?",   "a*0*=\"", "@", ":",
                                         "Re: ", "[fwd: ", "\\", "é", "<!--", "&",       "= "};
  for (const auto& one : some) {
    for (const auto& other : some) {
      const auto make = [&](size_t n) { return one + times(other + "a" + one, n); };
      expect_linear(one + " and " + other, make, read_value, 1000);
    }
  }
}

}  // namespace
}  // namespace posthouse::message
