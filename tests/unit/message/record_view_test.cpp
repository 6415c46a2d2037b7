// What is looked up in a record must be what decoding all of it gives.
#include "message/record_view.h"

#include <gtest/gtest.h>

#include "message/summary.h"
#include "unit/message/support.h"

namespace posthouse::message {
namespace {

const std::string kViewed[] = {
    crlf("From: A <a@b>\nTo: x@y, z@y\nCc: Group: g@h;\nSubject: Re: [l] =?utf-8?q?gr=C3=BC=C3=9Fe?= (fwd)\n"
         "Date: Sat, 28 Nov 2020 12:00:00 +0100\nMessage-ID: <m@x>\nReferences: <1@x> <2@x>\n\nhello\n"),
    crlf("Subject: only\nIn-Reply-To: <r@x> <s@x>\n\n"),
    crlf("Date: never\nFrom: \"Q\" <@r:a@b>, other@c\nSender: s@s\nReply-To: r@r\nBcc: b@b\n\n"),
    crlf("\nno header\n"),
};

void expect_same(const std::string& record) {
  const Result<Summary> decoded = decode(record);
  ASSERT_TRUE(decoded.has_value());
  const Summary& whole = *decoded;
  const RecordView view(record);
  EXPECT_EQ(view.has_date(), whole.has_date);
  EXPECT_EQ(view.date_seconds(), whole.date_seconds);
  EXPECT_EQ(view.base_subject(),
            whole.overview ? whole.overview->subject.text : base_subject(whole.envelope.subject).text);
  const Envelope& e = whole.envelope;
  const std::vector<EnvelopeAddress>* lists[] = {&e.from, &e.sender, &e.reply_to, &e.to, &e.cc, &e.bcc};
  for (int list = RecordView::kFrom; list <= RecordView::kBcc; list++) {
    const auto first = view.first_of(static_cast<RecordView::List>(list));
    ASSERT_EQ(first.has_value(), !lists[list]->empty()) << list;
    if (!first) continue;
    const EnvelopeAddress& expected = lists[list]->front();
    EXPECT_EQ(first->name, expected.name);
    EXPECT_EQ(first->mailbox, expected.mailbox);
    EXPECT_EQ(first->host, expected.host);
    EXPECT_EQ(first->has_mailbox, expected.has_mailbox);
    EXPECT_EQ(first->has_host, expected.has_host);
  }
  const ThreadBase base = view.thread_base(), expected = thread_base(whole);
  EXPECT_EQ(base.message_id, expected.message_id);
  EXPECT_EQ(base.references, expected.references);
  EXPECT_EQ(base.subject, expected.subject);
}

TEST(RecordView, TellsWhatDecodingTells) {
  for (const std::string& letter : kViewed) expect_same(encode(summarize(letter)));
}

TEST(RecordView, ReadsTheFirstVersionToo) {
  for (const std::string& letter : kViewed) {
    Summary summary = summarize(letter);
    summary.overview.reset();
    expect_same(encode(summary));
  }
}

TEST(RecordView, OfADamagedRecordReadsNothingBeyondItsEnd) {
  for (const std::string& letter : kViewed) {
    const std::string whole = encode(summarize(letter));
    for (size_t size = 0; size < whole.size(); size++) {
      const std::string cut = whole.substr(0, size);
      const RecordView view(cut);
      view.base_subject();
      view.thread_base();
      for (int list = RecordView::kFrom; list <= RecordView::kBcc; list++)
        view.first_of(static_cast<RecordView::List>(list));
    }
  }
  EXPECT_FALSE(RecordView("").has_date());
  EXPECT_EQ(RecordView("\x7f").base_subject(), "");
}

}  // namespace
}  // namespace posthouse::message
