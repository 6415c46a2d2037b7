#include "smtp/received.h"

#include "message/date.h"

namespace posthouse::smtp {

namespace {

// The client's word goes into a header: only what a domain or an address literal is made of stays as it is.
void append_domain(std::string& out, std::string_view domain) {
  constexpr size_t kMost = 255;
  constexpr std::string_view kAllowed = ".-_:[]";
  if (domain.empty()) domain = "unknown";
  for (char c : domain.substr(0, kMost)) {
    bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c & 0x80) != 0 || kAllowed.find(c) != kAllowed.npos;
    out.push_back(fits ? c : '?');
  }
}

void append_client(std::string& out, const SessionFacts& facts) {
  out += "from ";
  append_domain(out, facts.helo);
  out += " (";
  if (!facts.peer_name.empty()) {
    append_domain(out, facts.peer_name);
    out.push_back(' ');
  }
  out += facts.peer.ip.v6 ? "[IPv6:" : "[";
  out += facts.peer.ip.to_string();
  out += "])\r\n\t";
}

}  // namespace

std::string received_field(const SessionFacts& facts, const Envelope& envelope, const ReceivedBy& by) {
  std::string out;
  out.reserve(384);
  out += "Received: ";
  if (by.disclose_client) append_client(out, facts);
  out += "by ";
  out += by.host;
  out += " with ";
  out += facts.with(envelope.utf8);
  if (facts.tls && !facts.tls_protocol.empty()) {
    fmt::format_to(std::back_inserter(out), " ({} {})", facts.tls_protocol, facts.tls_cipher);
  }
  out += " id ";
  out += by.id;
  if (envelope.recipients.size() == 1) {
    out += "\r\n\tfor <";
    out += envelope.recipients.front().to_string();
    out += ">";
  }
  out += ";\r\n\t";
  out += message::format_date(by.when);
  out += "\r\n";
  return out;
}

}  // namespace posthouse::smtp
