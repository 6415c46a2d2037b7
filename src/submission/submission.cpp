#include "submission/submission.h"

#include "base/ascii.h"
#include "base/log.h"
#include "smtp/letter_reply.h"
#include "smtp/received.h"
#include "submission/standing.h"
#include "submission/submission_sink.h"

namespace posthouse::submission {

using smtp::Envelope;
using smtp::Reply;
using smtp::SessionFacts;

namespace {

Reply login_first() {
  return {530, "5.7.0", "Authentication required"};
}

class Submission : public smtp::SmtpService {
 public:
  Submission(acceptance::Acceptance& acceptance, directory::Directory& directory, const Clock& clock,
             Random& random, Options options, Signer* signer)
      : acceptance_(acceptance),
        directory_(directory),
        clock_(clock),
        random_(random),
        options_(std::move(options)),
        signer_(signer) {}

  Task<Reply> on_connect(const SessionFacts& facts) override {
    Reply reply = smtp::connection_reply(
        counts_.enter(facts.peer.ip, options_.max_connections, options_.max_connections_per_network));
    if (!reply.positive()) {
      log::info("submission.connection_refused",
                {{"sid", facts.id}, {"peer", facts.peer.to_string()}, {"why", reply.text}});
    }
    co_return reply;
  }

  void on_disconnect(const SessionFacts& facts) override { counts_.leave(facts.peer.ip); }

  Task<Reply> on_mail(const SessionFacts& facts, const Envelope& envelope) override {
    if (!facts.account) co_return login_first();
    uint64_t size = envelope.declared_size.value_or(0);
    if (size > options_.max_size) co_return smtp::too_large();
    if (!acceptance_.has_room(size)) co_return smtp::no_space();
    std::optional<Reply> out = co_await no_longer_welcome(directory_, *facts.account);
    if (out) co_return std::move(*out);
    Reply ok{250, "2.1.0", "Ok"};
    if (envelope.null_reverse_path) co_return ok;

    std::string sender = completed(envelope.reverse_path).to_string();
    Result<bool> own = co_await directory_.may_send_as(*facts.account, sender);
    if (!own) co_return smtp::try_later();
    if (*own) co_return ok;
    log::info("submission.sender_refused", {{"sid", facts.id}, {"login", facts.login}, {"from", sender}});
    Reply refused{553, "5.7.1",
                  fmt::format("Sender address {} is not an address of {}", sender, facts.login)};
    co_return refused;
  }

  Task<Reply> on_recipient(const SessionFacts& facts, const Envelope& envelope,
                           const message::Address& recipient) override {
    if (!facts.account) co_return login_first();
    Result<acceptance::Verdict> verdict =
        co_await acceptance_.check(completed(recipient), envelope.declared_size.value_or(0));
    if (!verdict) {
      if (verdict.error().kind != FaultKind::permanent)
        log::error("submission.recipient_not_checked", {{"sid", facts.id}, {"why", verdict.error().what}});
      co_return smtp::recipient_fault(verdict.error());
    }
    co_return reply_to(*verdict);
  }

  Task<std::expected<std::unique_ptr<smtp::LetterSink>, Reply>> on_data(const SessionFacts& facts,
                                                                        const Envelope& envelope) override {
    if (!facts.account) co_return std::unexpected(login_first());
    if (!acceptance_.has_room(envelope.declared_size.value_or(0)))
      co_return std::unexpected(smtp::no_space());
    std::optional<Reply> out = co_await no_longer_welcome(directory_, *facts.account);
    if (out) co_return std::unexpected(std::move(*out));
    Envelope full = envelope;
    for (auto& recipient : full.recipients) recipient = completed(recipient);
    acceptance::Envelope taken;
    if (!envelope.null_reverse_path) taken.reverse_path = completed(envelope.reverse_path).to_string();
    taken.recipients = full.recipients;
    taken.eight_bit = envelope.eight_bit;
    taken.utf8 = envelope.utf8;
    taken.submitter = facts.login;
    taken.session_id = facts.id;
    std::unique_ptr<acceptance::Letter> letter = acceptance_.begin(std::move(taken));
    std::string id = letter->queue_id();
    smtp::ReceivedBy by{options_.hostname, id, clock_.now(), false};
    std::string received = smtp::received_field(facts, full, by);
    Desk desk{acceptance_, directory_, clock_, random_, options_, signer_};
    std::unique_ptr<smtp::LetterSink> sink = std::make_unique<SubmissionSink>(
        desk, *facts.account, facts.login, std::move(letter), std::move(received));
    co_return sink;
  }

  // RFC 5321 section 7.3: who exists is not told this way, not even to logins.
  Task<Reply> on_vrfy(const SessionFacts&, std::string) override {
    Reply reply{252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery"};
    co_return reply;
  }

  // ETRN (RFC 1985) is between hosts; on a submission port nobody has a queue to call for.
  Task<Reply> on_etrn(const SessionFacts&, std::string) override {
    Reply reply{459, "4.7.1", "Node not allowed: this is a submission port"};
    co_return reply;
  }

 private:
  // RFC 6409 section 4.2: a bare local part means our own domain. Bare "postmaster" is known as it is.
  message::Address completed(const message::Address& address) const {
    message::Address full = address;
    // RFC 5321 section 4.5.1: also under the name of this host, which need not be one of our domains.
    if (iequals(full.local, "postmaster") && iequals(full.domain, options_.hostname)) full.domain.clear();
    if (full.domain.empty() && !full.local.empty()) full.domain = options_.default_domain;
    return full;
  }

  Reply reply_to(acceptance::Verdict verdict) const {
    switch (verdict) {
      case acceptance::Verdict::accepted:
      case acceptance::Verdict::relay:
        return {250, "2.1.5", "Ok"};
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
  Random& random_;
  const Options options_;
  Signer* signer_;
  ConnectionCounts counts_;
};

}  // namespace

std::unique_ptr<smtp::SmtpService> make_submission(acceptance::Acceptance& acceptance,
                                                   directory::Directory& directory, const Clock& clock,
                                                   Random& random, Options options, Signer* signer) {
  return std::make_unique<Submission>(acceptance, directory, clock, random, std::move(options), signer);
}

}  // namespace posthouse::submission
