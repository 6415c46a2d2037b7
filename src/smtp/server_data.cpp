// DATA: the letter itself (RFC 5321 section 4.1.1.4; LMTP: RFC 2033 section 4.2).
#include "base/log.h"
#include "smtp/limits.h"
#include "smtp/server_metrics.h"
#include "smtp/server_session.h"

namespace posthouse::smtp {

Task<void> ServerSession::on(const wire::smtp::Data&) {
  if (!envelope_) {
    refuse(503, "5.5.1", "Error: need MAIL command");
    co_return;
  }
  if (envelope_->recipients.empty()) {  // RFC 5321 section 3.3; RFC 2033 section 4.2 wants 503
    envelope_.reset();
    refuse(options_->lmtp ? 503 : 554, "5.5.1", "Error: no valid recipients");
    co_return;
  }
  std::expected<std::unique_ptr<LetterSink>, Reply> sink = co_await service_.on_data(facts_, *envelope_);
  if (!sink) {
    envelope_.reset();
    answer(sink.error());
    co_return;
  }
  output_.add_plain(354, "End data with <CR><LF>.<CR><LF>");
  const Result<void> flushed = co_await output_.flush();
  if (flushed) co_await take_letter(std::move(*sink));
  if (!flushed) ended_ = true;
  envelope_.reset();
}

Task<void> ServerSession::take_letter(std::unique_ptr<LetterSink> sink) {
  DataReceiver receiver(*stream_, reader_, *options_, std::move(sink));
  const Result<void> received = co_await receiver.receive();
  std::optional<Reply> refusal = receiver.refusal();
  if (!received && !refusal) {
    co_await take_read_fault(received.error());
    ended_ = true;
    co_return;
  }
  std::vector<Reply> replies;
  if (refusal) {
    if (!received || receiver.distrusts()) ended_ = true;
    if (receiver.distrusts()) server_metrics().smuggling.add();
    replies.push_back(std::move(*refusal));
  } else {
    replies = co_await receiver.sink().commit();
  }
  answer_letter(std::move(replies), receiver.size());
  if (ended_) set_deadline(kFarewell);
}

// One reply for all recipients, or (LMTP) one for each in the order of the RCPT commands.
void ServerSession::answer_letter(std::vector<Reply> replies, uint64_t size) {
  if (replies.empty()) replies.push_back({451, "4.3.0", "Error: local problem, try again later"});
  const size_t wanted = options_->lmtp ? envelope_->recipients.size() : 1;
  replies.resize(wanted, Reply(replies.front()));
  bool accepted = false;
  for (const Reply& reply : replies) {
    accepted = accepted || reply.positive();
    if (reply.code == 421) ended_ = true;
    output_.add(reply);
  }
  if (accepted) {
    budget_.letter_taken();
    server_metrics().accepted.add();
    server_metrics().bytes.add(static_cast<double>(size));
  } else {
    if (replies.front().code >= 500) budget_.count_error();
    server_metrics().refused.add();
  }
  log::info(accepted ? "smtp.accepted" : "smtp.refused", {{"sid", facts_.id},
                                                          {"peer", facts_.peer.to_string()},
                                                          {"helo", facts_.helo},
                                                          {"login", facts_.login},
                                                          {"with", facts_.with(envelope_->utf8)},
                                                          {"from", envelope_->reverse_path.to_string()},
                                                          {"to", envelope_->recipients.front().to_string()},
                                                          {"rcpts", envelope_->recipients.size()},
                                                          {"size", size},
                                                          {"code", replies.front().code},
                                                          {"reply", replies.front().text}});
}

}  // namespace posthouse::smtp
