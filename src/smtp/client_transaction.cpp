#include "smtp/client_transaction.h"

#include <algorithm>

#include "base/ascii.h"
#include "message/address.h"
#include "smtp/limits.h"
#include "wire/smtp/dot_stuffer.h"

namespace posthouse::smtp {

ClientTransaction::ClientTransaction(ClientConnection& connection, const ClientOptions& options,
                                     const wire::smtp::Capabilities& capabilities, Delivery delivery)
    : connection_(connection),
      options_(options),
      capabilities_(capabilities),
      delivery_(std::move(delivery)),
      replies_(delivery_.recipients.size(), no_answer("not sent")) {}

Task<DeliveryResult> ClientTransaction::run(BodySource body) {
  if (connection_.has_unread()) connection_.give_up("the host spoke out of turn");
  if (!connection_.usable()) {
    refuse_all(connection_.failure());
  } else if (prepare()) {
    const bool answered = co_await send_envelope();
    if (answered) {
      co_await send_letter(std::move(body));
    } else {
      fail_unanswered();
    }
    co_await clean_up();
  }
  DeliveryResult result;
  result.replies = std::move(replies_);
  result.connection_usable = connection_.usable() && !connection_.has_unread();
  co_return result;
}

bool ClientTransaction::refuse_all(Reply reply) {
  std::ranges::fill(replies_, reply);
  return false;
}

// What this server can't be given is refused here. True if there is somebody left to deliver to.
bool ClientTransaction::prepare() {
  if (capabilities_.size.value_or(0) != 0 && delivery_.size > *capabilities_.size) {  // RFC 1870 section 6
    return refuse_all(
        {552, "5.3.4",
         "message larger than the " + std::to_string(*capabilities_.size) + " octets the host takes"});
  }
  if (delivery_.eight_bit && !capabilities_.eight_bit_mime) {  // RFC 6152 section 3
    return refuse_all({554, "5.6.3", "8-bit message, and the host does not offer 8BITMIME"});
  }
  if (delivery_.utf8 && !capabilities_.utf8) {  // RFC 6531 section 3.5
    return refuse_all({553, "5.6.7", "internationalized message, and the host does not offer SMTPUTF8"});
  }
  needs_utf8_ = delivery_.utf8;
  if (!delivery_.reverse_path.empty()) {
    std::expected<std::string, Reply> sender = wire_address(delivery_.reverse_path);
    if (!sender) return refuse_all(std::move(sender.error()));
    sender_ = std::move(*sender);
  }
  for (size_t i = 0; i < delivery_.recipients.size(); ++i) {
    std::expected<std::string, Reply> address = wire_address(delivery_.recipients[i]);
    if (address) {
      recipients_.push_back({i, std::move(*address)});
    } else {
      replies_[i] = std::move(address.error());
    }
  }
  const auto is_wide = [](const Recipient& r) { return has_8bit(r.address); };
  needs_utf8_ = needs_utf8_ || has_8bit(sender_) || std::ranges::any_of(recipients_, is_wide);
  return !recipients_.empty();
}

// The address written anew from its parts, so that nothing in it can become a command. Where the host does
// not offer SMTPUTF8 a domain goes in A-labels; a local part can't be helped.
std::expected<std::string, Reply> ClientTransaction::wire_address(const std::string& text) const {
  Result<message::Address> address = message::parse_mailbox(text);
  if (!address) return std::unexpected(Reply{553, "5.1.3", "bad address syntax"});
  if (!capabilities_.utf8 && !address->is_ascii()) {
    const Result<std::string> domain = message::domain_to_ascii(address->domain);
    if (!domain || has_8bit(address->local)) {
      return std::unexpected(
          Reply{553, "5.6.7", "internationalized address, and the host does not offer SMTPUTF8"});
    }
    address->domain = *domain;
  }
  return address->to_string();
}

// True when every command sent was answered; the letter may still be refused.
Task<bool> ClientTransaction::send_envelope() {
  const size_t batch = capabilities_.pipelining ? kPipelineBatch : 1;
  for (size_t next = 0; next < steps() && worth_going_on(next);) {
    const size_t end = std::min(next + batch, steps());
    std::string lines;
    for (size_t step = next; step < end; ++step) lines += line(step);
    const bool sent = co_await connection_.send(lines, options_.command_timeout);
    if (!sent) co_return false;
    for (; next < end; ++next) {
      Reply reply =
          co_await connection_.reply(is_data(next) ? options_.data_timeout : options_.command_timeout);
      if (reply.code == 0) co_return false;
      take_reply(next, std::move(reply));
    }
  }
  co_return true;
}

bool ClientTransaction::worth_going_on(size_t step) const {
  if (step == 0) return true;
  return mail_accepted_ && (!is_data(step) || accepted_ != 0);
}

std::string ClientTransaction::line(size_t step) const {
  if (is_data(step)) return "DATA\r\n";
  if (step != 0) return "RCPT TO:<" + recipients_[step - 1].address + ">\r\n";
  std::string mail = "MAIL FROM:<" + sender_ + ">";
  if (capabilities_.size && delivery_.size != 0) mail += " SIZE=" + std::to_string(delivery_.size);
  if (delivery_.eight_bit) mail += " BODY=8BITMIME";
  if (needs_utf8_) mail += " SMTPUTF8";
  return mail + "\r\n";
}

void ClientTransaction::take_reply(size_t step, Reply reply) {
  if (step == 0) {
    mail_accepted_ = reply.code / 100 == 2;
    if (mail_accepted_) return;
    const Reply refusal = as_refusal(std::move(reply));
    for (const Recipient& recipient : recipients_) replies_[recipient.index] = refusal;
  } else if (is_data(step)) {
    data_open_ = reply.code == 354;
    if (!data_open_) fail_accepted(as_refusal(std::move(reply)));
  } else if (mail_accepted_) {
    Recipient& recipient = recipients_[step - 1];
    recipient.accepted = reply.code / 100 == 2;
    if (recipient.accepted) {
      ++accepted_;
    } else {
      replies_[recipient.index] = as_refusal(std::move(reply));
    }
  }
}

// What the server said instead of taking the letter, for those who had come that far.
void ClientTransaction::fail_accepted(const Reply& reply) {
  for (const Recipient& recipient : recipients_) {
    if (recipient.accepted) replies_[recipient.index] = reply;
  }
}

// The connection is lost: nobody has the letter, but who was refused before stays refused.
void ClientTransaction::fail_unanswered() {
  const Reply reply = connection_.failure();
  for (const Recipient& recipient : recipients_) {
    if (recipient.accepted || replies_[recipient.index].code == 0) replies_[recipient.index] = reply;
  }
}

Task<void> ClientTransaction::send_letter(BodySource body) {
  if (!data_open_) co_return;
  if (accepted_ == 0) {
    co_await close_empty();
    co_return;
  }
  const bool sent = co_await send_body(std::move(body));
  if (sent) {
    co_await take_verdict();
  } else {
    fail_unanswered();
  }
}

Task<bool> ClientTransaction::send_body(BodySource body) {
  wire::smtp::DotStuffer stuffer;
  std::string out;
  bool last = false;
  while (!last) {
    const Result<std::string> piece = co_await body();
    if (!piece) {
      // Half a letter can't be taken back but by hanging up (RFC 5321 section 4.1.1.4 knows no abort).
      connection_.give_up("the letter could not be read: " + piece.error().what);
      co_return false;
    }
    last = piece->empty();
    if (last) {
      stuffer.finish(out);
    } else {
      stuffer.add(*piece, out);
    }
    if (!last && out.size() < kClientPiece) continue;
    const bool sent = co_await connection_.send(out, options_.command_timeout);
    if (!sent) co_return false;
    out.clear();
  }
  co_return true;
}

// The reply to the end mark: one for all, or (LMTP, RFC 2033 section 4.2) one for each accepted recipient.
Task<void> ClientTransaction::take_verdict() {
  Reply reply;
  bool first = true;
  for (const Recipient& recipient : recipients_) {
    if (!recipient.accepted) continue;
    if (first || options_.lmtp) reply = co_await connection_.reply(options_.data_timeout);
    first = false;
    const bool taken = reply.code / 100 == 2;
    replies_[recipient.index] = taken ? reply : as_refusal(reply);
  }
  finished_ = true;
}

// A server that says 354 although it took no recipient: RFC 2920 section 3.1 has us send the end mark alone.
Task<void> ClientTransaction::close_empty() {
  if (options_.lmtp) {
    connection_.give_up("354 without recipients");
    co_return;
  }
  const Reply ignored = co_await connection_.command(".\r\n", options_.data_timeout);
  finished_ = ignored.code != 0;
}

// Leaves no transaction behind for the next letter to fall into.
Task<void> ClientTransaction::clean_up() {
  if (!connection_.usable() || finished_ || !mail_accepted_) co_return;
  const Reply reply = co_await connection_.command("RSET\r\n", options_.command_timeout);
  if (reply.code / 100 != 2) connection_.give_up("RSET refused");
}

}  // namespace posthouse::smtp
