#include "app/setup/dns_records.h"

#include <fmt/chrono.h>

namespace posthouse::app {
namespace {

constexpr size_t kLongestString = 255;

bool within(std::string_view name, std::string_view domain) {
  return name == domain || (name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

// A and AAAA; one each without a value where no address of the kind is known.
void add_addresses(std::vector<DnsRecord>& out, const DnsFacts& facts) {
  for (bool v6 : {false, true}) {
    size_t before = out.size();
    for (const IpAddress& ip : facts.addresses) {
      if (ip.v6 == v6) out.push_back({facts.hostname, v6 ? "AAAA" : "A", ip.to_string(), ""});
    }
    if (out.size() == before) out.push_back({facts.hostname, v6 ? "AAAA" : "A", std::nullopt, ""});
  }
  out.front().why = "where this host is";
}

}  // namespace

std::string txt_value(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size() || out.empty(); at += kLongestString) {
    if (!out.empty()) out += ' ';
    out += '"';
    out += text.substr(at, kLongestString);
    out += '"';
  }
  return out;
}

std::vector<DnsRecord> dns_records(const DnsFacts& facts) {
  const std::string& domain = facts.domain;
  const std::string& host = facts.hostname;
  std::string stamp = fmt::format("{:%Y%m%d%H%M%S}", std::chrono::floor<seconds>(facts.now));
  std::vector<DnsRecord> out;
  add_addresses(out, facts);
  out.push_back({domain, "MX", fmt::format("10 {}.", host), "letters to the domain come here"});
  out.push_back({domain, "TXT", txt_value("v=spf1 mx -all"), "SPF: only this host sends for the domain"});
  // A name has one SPF record (RFC 7208 section 3.2).
  if (host != domain) {
    out.push_back({host, "TXT", txt_value("v=spf1 a -all"), "SPF for the host's own name, used in bounces"});
  }
  const DnsRecord others[] = {
      {fmt::format("{}._domainkey.{}", facts.rsa_selector, domain), "TXT", txt_value(facts.rsa_record),
       "DKIM: the key that signatures are checked with"},
      {fmt::format("{}._domainkey.{}", facts.ed25519_selector, domain), "TXT",
       txt_value(facts.ed25519_record), "DKIM: a second key of a newer kind"},
      {fmt::format("_dmarc.{}", domain), "TXT",
       txt_value(fmt::format("v=DMARC1; p=none; rua=mailto:postmaster@{}", domain)),
       "DMARC: reports first; make it p=quarantine, then p=reject, once they show only your own letters"},
      {fmt::format("_mta-sts.{}", domain), "TXT", txt_value(fmt::format("v=STSv1; id={};", stamp)),
       "MTA-STS: there is a policy (below)"},
      {fmt::format("mta-sts.{}", domain), "CNAME", host + ".", "the web server that has the policy"},
      {fmt::format("_smtp._tls.{}", domain), "TXT",
       txt_value(fmt::format("v=TLSRPTv1; rua=mailto:postmaster@{}", domain)),
       "TLS-RPT: others report when encryption fails"},
      {fmt::format("_submissions._tcp.{}", domain), "SRV", fmt::format("0 1 465 {}.", host),
       "clients find the server"},
      {fmt::format("_submission._tcp.{}", domain), "SRV", fmt::format("10 1 587 {}.", host), ""},
      {fmt::format("_imaps._tcp.{}", domain), "SRV", fmt::format("0 1 993 {}.", host), ""},
      {fmt::format("_imap._tcp.{}", domain), "SRV", fmt::format("10 1 143 {}.", host), ""},
  };
  out.insert(out.end(), std::begin(others), std::end(others));
  return out;
}

std::string zone_text(const DnsFacts& facts) {
  std::string out;
  for (const DnsRecord& record : dns_records(facts)) {
    if (!record.why.empty()) out += fmt::format("; {}\n", record.why);
    if (!record.value) {
      out += fmt::format("; {}. IN {} ... (its IPv{} address, if it has one; setup --ipv{} puts it here)\n",
                         record.name, record.type, record.type == "A" ? 4 : 6, record.type == "A" ? 4 : 6);
    } else {
      bool elsewhere = !within(record.name, facts.domain);
      out += fmt::format("{}{}. IN {} {}\n", elsewhere ? "; in its own zone: " : "", record.name, record.type,
                         *record.value);
    }
  }
  return out;
}

std::string mta_sts_policy(const DnsFacts& facts) {
  return fmt::format("version: STSv1\nmode: testing\nmx: {}\nmax_age: 86400\n", facts.hostname);
}

}  // namespace posthouse::app
