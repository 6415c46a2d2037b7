#include "app/setup/setup.h"

#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"
#include "app/cli/shell.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

std::string next_command(const SetupResult& result) {
  return result.config_file == "/etc/posthouse/posthouse.toml"
             ? program_word() + " serve"
             : program_word() + " serve --config " + shell_word(result.config_file);
}

void print_as_json(const SetupResult& result) {
  json::array records;
  for (const DnsRecord& record : dns_records(result.dns)) {
    json::object one;
    one["name"] = record.name;
    one["type"] = record.type;
    one["value"] = record.value ? json::value(*record.value) : json::value(nullptr);
    records.push_back(std::move(one));
  }
  json::object out;
  out["config"] = result.config_file;
  out["data_directory"] = result.data_directory;
  out["address"] = result.address;
  out["password"] = result.password;
  out["records"] = std::move(records);
  out["mta_sts_policy"] = mta_sts_policy(result.dns);
  out["next"] = next_command(result);
  print_json(out);
}

void print_for_people(const SetupResult& result) {
  fmt::print("Configuration  {}\nData           {}\nAccount        {} (administrator)\nPassword       {}\n\n",
             result.config_file, result.data_directory, result.address, result.password);
  fmt::print("Publish these DNS records:\n\n{}", zone_text(result.dns));
  fmt::print(
      "\nThe MTA-STS policy, to be served at https://mta-sts.{}/.well-known/mta-sts.txt by a web "
      "server:\n\n{}\n"
      "PTR: ask whoever gave you this host's addresses to let each resolve to {}. Without it others refuse "
      "your "
      "letters.\n\n"
      "The certificate {} is self-signed: name the files of one that an authority signed under "
      "[tls]; they are read as soon as they change.\n\nNext: {}\n",
      result.dns.domain, mta_sts_policy(result.dns), result.dns.hostname, result.certificate,
      next_command(result));
}

}  // namespace

int setup(const Invocation& in) {
  log::configure(log::Level::warn, "", "text");
  SetupOptions options;
  options.address = in.name;
  options.directory = in.directory;
  options.hostname = in.hostname;
  for (const auto& [text, v6] : {std::pair{in.ipv4, false}, std::pair{in.ipv6, true}}) {
    auto ip = IpAddress::parse(text);
    if (!text.empty() && (!ip || ip->v6 != v6)) {
      Fault fault{FaultKind::syntax, fmt::format("--ipv{}: expected an IPv{} address, not \"{}\"", v6 ? 6 : 4,
                                                 v6 ? 6 : 4, text)};
      return complain(fault);
    }
    if (ip) options.addresses.push_back(*ip);
  }
  options.user = in.user.empty() ? "posthouse" : in.user;
  auto result = set_up(options);
  if (!result) return complain(result.error());
  if (in.json) {
    print_as_json(*result);
  } else {
    print_for_people(*result);
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
