#include "message/thread.h"

#include <gmock/gmock.h>

#include "message/limits.h"
#include "message/message_ids.h"

namespace posthouse::message {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MessageIds, Reads) {
  EXPECT_THAT(parse_message_ids("<a@b>"), ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids(" <a@b>\r\n\t<c@d> <e@f>"), ElementsAre("a@b", "c@d", "e@f"));
  EXPECT_THAT(parse_message_ids("<a@b><c@d>,<e@f>"), ElementsAre("a@b", "c@d", "e@f"));
  EXPECT_THAT(parse_message_ids("<a@[127.0.0.1]>"), ElementsAre("a@[127.0.0.1]"));
  EXPECT_THAT(parse_message_ids("<no-at-sign>"), ElementsAre("no-at-sign"));
  EXPECT_THAT(parse_message_ids(""), IsEmpty());
  EXPECT_THAT(parse_message_ids("<>"), IsEmpty());
  EXPECT_THAT(parse_message_ids_as_written("<\"\"> <\"a b\"@c>"), ElementsAre("\"a b\"@c"));
}

TEST(MessageIds, AreNormalised) {
  EXPECT_THAT(parse_message_ids("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>"),
              ElementsAre("01KF8JCEOCBS0045PS@xxx.yyy.com"));
  EXPECT_THAT(parse_message_ids("< a @ b (home) >"), ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids("<long-\r\n left@b>"), ElementsAre("long-left@b"));
  EXPECT_THAT(parse_message_ids("<\"a\\\"b\"@c>"), ElementsAre("a\"b@c"));
}

TEST(MessageIds, StandBetweenPhrasesAndComments) {
  EXPECT_THAT(parse_message_ids("Your message of \"Mon <x@y>\" (was <q@r>) <a@b> joe@example.org"),
              ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids("<a@b> from joe at \"home"), ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids("(never closed <a@b>"), ElementsAre("a@b"));
}

TEST(MessageIds, ReadsDamage) {
  EXPECT_THAT(parse_message_ids("a@b"), ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids("a@b>"), ElementsAre("a@b"));
  EXPECT_THAT(parse_message_ids("two words@b"), IsEmpty());
  EXPECT_THAT(parse_message_ids("<a@b <c@d>"), ElementsAre("a@b", "c@d"));
  EXPECT_THAT(parse_message_ids("<a@b"), ElementsAre("a@b"));
}

TEST(MessageIds, AreBounded) {
  std::string many;
  for (size_t i = 0; i <= limits::kMessageIds; ++i) many += "<a@b> ";
  EXPECT_EQ(parse_message_ids(many).size(), limits::kMessageIds);
}

std::string base_of(std::string_view subject) {
  return base_subject(subject).text;
}
bool answers(std::string_view subject) {
  return base_subject(subject).reply_or_forward;
}

TEST(BaseSubject, DropsWhatSaysReplyOrForward) {
  EXPECT_EQ(base_of("Lunch"), "Lunch");
  for (const char* subject :
       {"Re: Lunch", "RE:Lunch", "re : Lunch", "Fw: Lunch", "FWD: re: Lunch", "Re[2]: Lunch",
        "Re [2] : Lunch", "Lunch (fwd)", "Lunch (FWD) (fwd) ", "[Fwd: Lunch]", "[fwd: [fwd: Re: Lunch]]",
        "[list] Re: [list] Lunch (fwd)", "[a] [b] Re: Lunch", "Re: =?utf-8?q?Re=3A_Lunch?="}) {
    EXPECT_EQ(base_of(subject), "Lunch") << subject;
    EXPECT_TRUE(answers(subject)) << subject;
  }
}

TEST(BaseSubject, DropsBlobsThatSomethingFollows) {
  EXPECT_EQ(base_of("[list] Lunch"), "Lunch");
  EXPECT_EQ(base_of("[a][b] [c] Lunch [d]"), "Lunch [d]");
  EXPECT_EQ(base_of("[list]"), "[list]");
  EXPECT_EQ(base_of("[a] [list]"), "[list]");
  EXPECT_EQ(base_of("Re: [list]"), "[list]");
  EXPECT_EQ(base_of("[open Lunch"), "[open Lunch");
  EXPECT_FALSE(answers("[list] Lunch"));
}

TEST(BaseSubject, KeepsWhatOnlyLooksLikeIt) {
  for (const char* subject :
       {"Regarding: Lunch", "Re Lunch", "Aw: Lunch", "Lunch (fwd", "Refwd: Lunch", "re[2] Lunch"}) {
    EXPECT_EQ(base_of(subject), subject);
    EXPECT_FALSE(answers(subject)) << subject;
  }
}

TEST(BaseSubject, HasSingleBlanks) {
  EXPECT_EQ(base_of("  Lunch\t \ttoday\r\n  at  one "), "Lunch today at one");
  EXPECT_EQ(base_of(""), "");
  EXPECT_EQ(base_of("Re: "), "");
  EXPECT_EQ(base_of("[fwd:]"), "");
}

TEST(BaseSubject, EndsWithHostileSubjects) {
  std::string blobs, frames, fives;
  for (int i = 0; i < 100'000; ++i) {
    blobs += "[]";
    frames += "[fwd:";
    fives += "(fwd)";
  }
  EXPECT_EQ(base_of(blobs), "[]");
  EXPECT_EQ(base_of(blobs + "x"), "x");
  EXPECT_EQ(base_of(frames + "x" + std::string(100'000, ']')), "x");
  EXPECT_EQ(base_of("x" + fives), "x");
}

TEST(ThreadBase, TakesAncestorsOfReferencesFirst) {
  const auto base = thread_base(
      "Message-ID: <d@x>\r\nIn-Reply-To: <other@x>\r\nReferences: <a@x> <b@x>\r\n <c@x>\r\nSubject: Re: "
      "Lunch\r\n\r\n");
  EXPECT_EQ(base.message_id, "d@x");
  EXPECT_THAT(base.references, ElementsAre("a@x", "b@x", "c@x"));
  EXPECT_EQ(base.subject.text, "Lunch");
  EXPECT_TRUE(base.subject.reply_or_forward);
}

TEST(ThreadBase, TakesTheFirstOfInReplyToElse) {
  EXPECT_THAT(thread_base("In-Reply-To: your mail <a@x> <b@x>\r\n\r\n").references, ElementsAre("a@x"));
  EXPECT_THAT(thread_base("References: none\r\nIn-Reply-To: <a@x>\r\n\r\n").references, ElementsAre("a@x"));
  EXPECT_THAT(thread_base("Subject: one\r\nSubject: Re: two\r\n\r\n").references, IsEmpty());
  EXPECT_EQ(thread_base("Subject: one\r\nSubject: Re: two\r\n\r\n").subject.text, "one");
}

}  // namespace
}  // namespace posthouse::message
