#include "smtp/client_connection.h"

#include "wire/smtp/limits.h"

namespace posthouse::smtp {

Reply no_answer(std::string why) {
  return {0, "4.4.2", std::move(why)};
}

Reply as_refusal(Reply reply) {
  if (reply.code == 0 || reply.code >= 400) return reply;
  return no_answer("unexpected reply: " + std::to_string(reply.code) + " " + reply.text);
}

ClientConnection::ClientConnection(std::unique_ptr<net::Stream> stream, const Clock& clock)
    : stream_(std::move(stream)), clock_(clock), reader_(*stream_) {}

void ClientConnection::set_deadline(seconds patience) {
  stream_->set_deadline(clock_.steady() + patience);
}

void ClientConnection::give_up(std::string why) {
  if (!usable_) return;
  usable_ = false;
  why_ = std::move(why);
}

Task<bool> ClientConnection::send(std::string_view bytes, seconds patience) {
  if (!usable_) co_return false;
  set_deadline(patience);
  const Result<void> written = co_await stream_->write_all(bytes);
  if (!written) give_up("connection lost: " + written.error().what);
  co_return written.has_value();
}

Task<Reply> ClientConnection::reply(seconds patience) {
  if (!usable_) co_return failure();
  set_deadline(patience);  // for the whole reply: it can't be drawn out line by line
  wire::smtp::ReplyParser parser;
  while (true) {
    const Result<std::string_view> line = co_await reader_.read_line(wire::smtp::kMaxReplyLine);
    if (!line) {
      give_up(line.error().kind == FaultKind::timeout ? std::string("no reply in time")
                                                      : "connection lost: " + line.error().what);
      co_return failure();
    }
    Result<std::optional<wire::smtp::ReceivedReply>> parsed = parser.add_line(*line);
    if (!parsed) {
      give_up("bad reply: " + parsed.error().what);
      co_return failure();
    }
    if (!parsed->has_value()) continue;
    wire::smtp::ReceivedReply received = std::move(**parsed);
    if (received.code == 421) give_up("the host closed the connection: " + received.text);
    co_return Reply{received.code, std::move(received.status), std::move(received.text)};
  }
}

Task<Reply> ClientConnection::command(std::string line, seconds patience) {
  const bool sent = co_await send(line, patience);
  if (!sent) co_return failure();
  Task<Reply> answer = reply(patience);
  co_return co_await answer;
}

}  // namespace posthouse::smtp
