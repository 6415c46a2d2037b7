// HELO, EHLO and LHLO (RFC 5321 section 4.1.1.1, RFC 2033 section 4.1).
#include "smtp/server_session.h"

namespace posthouse::smtp {

using wire::smtp::Hello;

Task<void> ServerSession::on(const Hello& command) {
  if ((command.kind == Hello::lhlo) != options_->lmtp) {
    refuse(500, "5.5.1", options_->lmtp ? "Error: this is LMTP, say LHLO" : "Error: this is SMTP, say EHLO");
    co_return;
  }
  envelope_.reset();  // section 4.1.4: as if RSET had been said
  facts_.helo = command.domain;
  facts_.extended = command.kind != Hello::helo;
  // RFC 2034 section 4: no enhanced codes here.
  if (facts_.extended) {
    output_.add_plain(250, capability_list());
  } else {
    output_.add_plain(250, options_->hostname);
  }
}

std::string ServerSession::capability_list() const {
  std::string list = options_->hostname + "\nPIPELINING\nSIZE " + std::to_string(options_->max_size);
  list += "\nVRFY\nETRN\n8BITMIME";
  if (options_->tls && !facts_.tls) list += "\nSTARTTLS";
  if (options_->submission && authenticator_ != nullptr) {
    std::string names;
    for (const std::string& name : wire::sasl::mechanisms(channel())) names += ' ' + name;
    if (!names.empty()) list += "\nAUTH" + names;
  }
  list += "\nENHANCEDSTATUSCODES\nSMTPUTF8";
  return list;
}

}  // namespace posthouse::smtp
