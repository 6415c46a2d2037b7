#include "transport/reception.h"

#include "base/ascii.h"
#include "base/log.h"
#include "message/header_start.h"
#include "smtp/letter_reply.h"
#include "smtp/received.h"

namespace posthouse::transport {

using smtp::Envelope;
using smtp::Reply;
using smtp::SessionFacts;

namespace {

// RFC 5321 section 4.5.1: postmaster is read here under every name of this host: alone, at our host name, and
// at the address that the client connected to.
message::Address own_postmaster(const SessionFacts& facts, const std::string& hostname,
                                const message::Address& recipient) {
  if (recipient.domain.empty() || !iequals(recipient.local, "postmaster")) return recipient;
  std::string literal = fmt::format("[{}{}]", facts.local.ip.v6 ? "IPv6:" : "", facts.local.ip.to_string());
  bool ours = iequals(recipient.domain, hostname) || iequals(recipient.domain, literal);
  return ours ? message::Address{"postmaster", ""} : recipient;
}

// Writes the trace line, then the letter as it comes.
class ReceptionSink : public smtp::LetterSink {
 public:
  ReceptionSink(std::unique_ptr<acceptance::Letter> letter, std::string received, uint64_t max_size,
                bool full_is_permanent, size_t replies)
      : letter_(std::move(letter)),
        received_(std::move(received)),
        room_(max_size),
        full_is_permanent_(full_is_permanent),
        replies_(replies) {}

  Task<Result<void>> write(std::string_view bytes) override {
    if (bytes.size() > room_) too_large_ = true;
    if (too_large_) co_return Result<void>();  // commit() tells; nothing more is kept
    room_ -= bytes.size();
    if (!received_.empty()) {
      std::string received = std::exchange(received_, {});
      Result<void> begun = co_await letter_->write(received);
      if (!begun) co_return begun;
    }
    if (start_.decided()) {
      Result<void> taken = co_await letter_->write(bytes);
      co_return taken;
    }
    std::string first = start_.feed(bytes);
    if (first.empty()) co_return Result<void>();
    Result<void> taken = co_await letter_->write(first);
    co_return taken;
  }

  Task<std::vector<Reply>> commit() override {
    Reply reply = smtp::too_large();
    if (!too_large_) {
      Result<void> done = co_await take();
      reply = done ? smtp::letter_accepted(letter_->queue_id())
                   : smtp::letter_refused(done.error(), full_is_permanent_);
    }
    std::vector<Reply> replies(replies_, reply);
    co_return replies;
  }

 private:
  Task<Result<void>> take() {
    // An empty letter, or one whose first line did not tell.
    if (std::string rest = received_ + start_.finish(); !rest.empty()) {
      Result<void> begun = co_await letter_->write(rest);
      if (!begun) co_return begun;
    }
    Result<void> done = co_await letter_->commit();
    co_return done;
  }

  std::unique_ptr<acceptance::Letter> letter_;
  std::string received_;
  message::HeaderStart start_;
  uint64_t room_;
  bool full_is_permanent_;
  bool too_large_ = false;
  size_t replies_;
};

class Reception : public smtp::SmtpService {
 public:
  Reception(acceptance::Acceptance& acceptance, directory::Directory& directory, const Clock& clock,
            ReceptionOptions options)
      : acceptance_(acceptance), directory_(directory), clock_(clock), options_(std::move(options)) {}

  Task<Reply> on_connect(const SessionFacts& facts) override {
    Reply reply = smtp::connection_reply(
        counts_.enter(facts.peer.ip, options_.max_connections, options_.max_connections_per_network));
    if (!reply.positive()) {
      log::info("reception.refused",
                {{"sid", facts.id}, {"peer", facts.peer.to_string()}, {"why", reply.text}});
    }
    co_return reply;
  }

  void on_disconnect(const SessionFacts& facts) override { counts_.leave(facts.peer.ip); }

  Task<Reply> on_mail(const SessionFacts& facts, const Envelope& envelope) override {
    static_cast<void>(facts);
    uint64_t size = envelope.declared_size.value_or(0);
    if (size > options_.max_size) co_return smtp::too_large();
    if (!acceptance_.has_room(size)) co_return smtp::no_space();
    Reply ok{250, "2.1.0", "Ok"};
    co_return ok;
  }

  Task<Reply> on_recipient(const SessionFacts& facts, const Envelope& envelope,
                           const message::Address& recipient) override {
    message::Address address = own_postmaster(facts, options_.hostname, recipient);
    Result<acceptance::Verdict> verdict =
        co_await acceptance_.check(address, envelope.declared_size.value_or(0));
    Reply reply = verdict ? reply_to(*verdict) : smtp::recipient_fault(verdict.error());
    if (!verdict && verdict.error().kind != FaultKind::permanent) {
      log::error("reception.recipient_not_checked", {{"sid", facts.id}, {"why", verdict.error().what}});
    } else if (!reply.positive()) {
      log::info("reception.recipient_refused", {{"sid", facts.id},
                                                {"peer", facts.peer.ip.to_string()},
                                                {"from", envelope.reverse_path.to_string()},
                                                {"to", address.to_string()},
                                                {"code", reply.code},
                                                {"why", reply.text}});
    }
    co_return reply;
  }

  Task<std::expected<std::unique_ptr<smtp::LetterSink>, Reply>> on_data(const SessionFacts& facts,
                                                                        const Envelope& envelope) override {
    if (!acceptance_.has_room(envelope.declared_size.value_or(0)))
      co_return std::unexpected(smtp::no_space());
    acceptance::Envelope taken;
    if (!envelope.null_reverse_path) taken.reverse_path = envelope.reverse_path.to_string();
    taken.recipients.reserve(envelope.recipients.size());
    for (const auto& recipient : envelope.recipients) {
      taken.recipients.push_back(own_postmaster(facts, options_.hostname, recipient));
    }
    taken.eight_bit = envelope.eight_bit;
    taken.utf8 = envelope.utf8;
    taken.local_only = true;
    taken.session_id = facts.id;
    std::unique_ptr<acceptance::Letter> letter = acceptance_.begin(std::move(taken));
    std::string id = letter->queue_id();
    smtp::ReceivedBy by{options_.hostname, id, clock_.now(), true};
    std::string received = smtp::received_field(facts, envelope, by);
    size_t replies = facts.lmtp ? envelope.recipients.size() : 1;  // RFC 2033 section 4.2
    std::unique_ptr<smtp::LetterSink> sink = std::make_unique<ReceptionSink>(
        std::move(letter), std::move(received), options_.max_size, acceptance_.full_is_permanent(), replies);
    co_return sink;
  }

  // RFC 5321 section 7.3 lets a server decline to tell who exists.
  Task<Reply> on_vrfy(const SessionFacts&, std::string) override {
    Reply reply{252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery"};
    co_return reply;
  }

  // RFC 1985 asks to send now what waits for a node. We hold no mail for hosts that call in for it: for our
  // own domains nothing can be waiting (251), and nobody else may ask (459). "@domain" and "#queue" are its
  // section 5.3.
  Task<Reply> on_etrn(const SessionFacts&, std::string argument) override {
    Reply reply{459, "4.7.1", "Node not allowed: no mail is held for other hosts here"};
    std::string node = argument.starts_with('@') ? argument.substr(1) : argument;
    Result<bool> ours = co_await directory_.is_local_domain(node);
    if (!ours) {
      reply = Reply{458, "4.3.0", "Unable to queue messages for this node now"};
    } else if (*ours) {
      reply = Reply{251, "2.0.0", "Ok, no messages waiting for this node"};
    }
    co_return reply;
  }

 private:
  Reply reply_to(acceptance::Verdict verdict) const {
    switch (verdict) {
      case acceptance::Verdict::accepted:
        return {250, "2.1.5", "Ok"};
      case acceptance::Verdict::relay:
        return smtp::relaying_denied();
      case acceptance::Verdict::unknown_user:
        return smtp::no_such_user();
      case acceptance::Verdict::disabled:
        return smtp::mailbox_disabled();
      case acceptance::Verdict::over_quota:
        return smtp::mailbox_full(acceptance_.full_is_permanent());
      case acceptance::Verdict::try_later:
        break;
    }
    return smtp::try_later();
  }

  acceptance::Acceptance& acceptance_;
  directory::Directory& directory_;
  const Clock& clock_;
  const ReceptionOptions options_;
  ConnectionCounts counts_;
};

}  // namespace

std::unique_ptr<smtp::SmtpService> make_reception(acceptance::Acceptance& acceptance,
                                                  directory::Directory& directory, const Clock& clock,
                                                  ReceptionOptions options) {
  return std::make_unique<Reception>(acceptance, directory, clock, std::move(options));
}

}  // namespace posthouse::transport
