// One client's visit to an SmtpService, without the dialogue: the questions a session would ask, in its
// order.
#pragma once

#include "smtp/server.h"
#include "support/manual_executor.h"

namespace posthouse::test {

class SmtpVisit {
 public:
  SmtpVisit(smtp::SmtpService& service, ManualExecutor& executor) : service_(service), executor_(executor) {
    facts.id = "s1";
    facts.peer = Endpoint{*IpAddress::parse("192.0.2.10"), 40000};
    facts.local = Endpoint{*IpAddress::parse("192.0.2.1"), 25};
    facts.helo = "client.elsewhere.test";
    facts.extended = true;
  }

  smtp::Reply connect() { return executor_.run(service_.on_connect(facts)); }
  void leave() { service_.on_disconnect(facts); }

  // `from` "": the null reverse-path.
  smtp::Reply mail(const std::string& from, std::optional<uint64_t> size = {}) {
    envelope = {};
    envelope.null_reverse_path = from.empty();
    if (!from.empty()) envelope.reverse_path = message::parse_mailbox(from).value();
    envelope.declared_size = size;
    return executor_.run(service_.on_mail(facts, envelope));
  }

  smtp::Reply rcpt(const std::string& to) { return rcpt(message::parse_mailbox(to).value()); }
  smtp::Reply rcpt(const message::Address& to) {
    smtp::Reply reply = executor_.run(service_.on_recipient(facts, envelope, to));
    if (reply.positive()) envelope.recipients.push_back(to);
    return reply;
  }

  // The letter in pieces of `piece` octets.
  std::vector<smtp::Reply> data(const std::string& bytes, size_t piece = 4096) {
    auto sink = executor_.run(service_.on_data(facts, envelope));
    if (!sink) return {sink.error()};
    for (size_t at = 0; at < bytes.size(); at += piece) {
      Result<void> written = executor_.run((*sink)->write(std::string_view(bytes).substr(at, piece)));
      if (!written)
        return {smtp::Reply{599, "", to_string(written.error().kind)}};  // the session would map it
    }
    return executor_.run((*sink)->commit());
  }

  smtp::Reply send(const std::string& from, const std::vector<std::string>& to, const std::string& bytes,
                   size_t piece = 4096) {
    smtp::Reply reply = mail(from);
    for (const auto& one : to) {
      if (reply.positive()) reply = rcpt(one);
    }
    return reply.positive() ? data(bytes, piece).front() : reply;
  }

  smtp::SessionFacts facts;
  smtp::Envelope envelope;

 private:
  smtp::SmtpService& service_;
  ManualExecutor& executor_;
};

// "550 5.1.1", for comparing.
inline std::string codes(const smtp::Reply& reply) {
  return fmt::format("{} {}", reply.code, reply.status);
}

}  // namespace posthouse::test
