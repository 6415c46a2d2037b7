#include "app/demo/demo.h"

#include <sysexits.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>

#include "app/config/reference.h"
#include "app/demo/welcome.h"
#include "app/privileges/descriptors.h"
#include "app/server/listeners.h"
#include "app/server/logging.h"
#include "app/server/server.h"
#include "base/log.h"
#include "net/loop.h"

namespace posthouse::app {
namespace {

using Ports = std::map<std::string, uint16_t>;

// What is told once all listeners accept.
struct Facts {
  std::string directory, domain;
  bool temporary = false;
  Ports ports;
};

int complain(const Fault& fault, int status) {
  fmt::print(stderr, "posthouse: {}\n", fault.what);
  return status;
}

void print_json(const Facts& facts) {
  boost::json::object ports;
  for (const auto& [name, port] : facts.ports) ports[name] = port;
  boost::json::array accounts;
  for (const char* name : kDemoNames) {
    boost::json::object account;
    account["address"] = fmt::format("{}@{}", name, facts.domain);
    account["password"] = kDemoPassword;
    accounts.push_back(std::move(account));
  }
  boost::json::object out;
  out["ready"] = true;
  out["dir"] = facts.directory;
  out["ports"] = std::move(ports);
  out["accounts"] = std::move(accounts);
  fmt::print("{}\n", boost::json::serialize(out));
  std::fflush(stdout);
}

void print_service(const Facts& facts, const char* name, const char* what) {
  auto found = facts.ports.find(name);
  if (found != facts.ports.end()) fmt::print("  {:<12}  127.0.0.1:{:<6}  {}\n", name, found->second, what);
}

void print_table(const Facts& facts) {
  fmt::print("Posthouse runs here, on this machine only, in {}\n\nServices\n", facts.directory);
  print_service(facts, "smtp", "letters from other hosts");
  print_service(facts, "submission", "letters from users, STARTTLS or plain");
  print_service(facts, "submissions", "letters from users, TLS");
  print_service(facts, "imap", "mailboxes, STARTTLS or plain");
  print_service(facts, "imaps", "mailboxes, TLS");
  print_service(facts, "lmtp", "letters for users from a trusted mail system");
  print_service(facts, "metrics", "http://.../metrics for Prometheus");
  fmt::print("\nAccounts\n");
  for (const char* name : kDemoNames) fmt::print("  {}@{}  password {}\n", name, facts.domain, kDemoPassword);
  fmt::print(
      "\nTry\n"
      "  curl --insecure --user alice@{0}:{1} 'imaps://127.0.0.1:{2}/INBOX;MAILINDEX=1'\n"
      "  swaks --server 127.0.0.1:{3} --tls --auth-user bob@{0} --auth-password {1} --from bob@{0} --to "
      "alice@{0}\n"
      "  posthouse queue list --config {4}/posthouse.toml\n\n",
      facts.domain, kDemoPassword, facts.ports.at("imaps"), facts.ports.at("submission"), facts.directory);
  fmt::print("Ctrl-C stops it{}.\nready\n", facts.temporary ? " and removes everything" : "");
  std::fflush(stdout);
}

// Sends the welcome letter to new accounts, then tells that all is ready.
Task<void> greet(Facts facts, std::vector<std::string> fresh, bool json) {
  auto smtp = facts.ports.find("smtp");
  if (!fresh.empty() && smtp != facts.ports.end()) {
    WelcomeLetter letter{facts.domain, std::move(fresh)};
    auto sent = co_await send_welcome(smtp->second, std::move(letter));
    if (!sent) log::error("demo.welcome_not_sent", {{"reason", sent.error().what}});
  }
  if (json) {
    print_json(facts);
  } else {
    print_table(facts);
  }
}

// The configuration as it runs, for the other commands: posthouse ... --config DIR/posthouse.toml
Result<void> write_config(const std::string& path, Config config, const std::vector<Bound>& listeners) {
  for (Service service : kServices) listen_of(config, service).clear();
  for (const Bound& bound : listeners) listen_of(config, bound.service).push_back(bound.socket.local());
  std::ofstream out(path, std::ios::binary);
  out << kDemoHeadline << '\n' << config_as_toml(config, false);
  out.close();
  if (!out) return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
  return {};
}

}  // namespace

int run_demo(const DemoOptions& options) {
  raise_descriptor_limit();
  auto directory = DemoDirectory::open(options.directory);
  if (!directory) return complain(directory.error(), EX_CANTCREAT);
  auto config = demo_config(options, directory->path());
  if (!config) return complain(config.error(), EX_CONFIG);
  auto listeners = bind_listeners(*config);
  if (!listeners) return complain(listeners.error(), EX_UNAVAILABLE);
  if (auto done = configure_log(*config); !done) return complain(done.error(), EX_CANTCREAT);
  std::string config_file = directory->path() + "/posthouse.toml";
  if (auto written = write_config(config_file, *config, *listeners); !written) {
    return complain(written.error(), EX_CANTCREAT);
  }
  Facts facts{directory->path(), config->server.default_domain, options.directory.empty(),
              ports_of(*listeners)};
  std::vector<std::string> fresh;
  auto started = [&] { spawn(greet(facts, fresh, options.json)); };
  auto server = Server::make({*config, config_file, std::move(*listeners), Core::Store::create, started});
  if (!server) return complain(server.error(), EX_UNAVAILABLE);
  auto made = net::run_blocking(make_demo_accounts((*server)->core(), facts.domain));
  if (!made) return complain(made.error(), EX_UNAVAILABLE);
  fresh = std::move(*made);
  auto clean = (*server)->run();
  if (!clean) return complain(clean.error(), EX_UNAVAILABLE);
  if (!*clean) {  // sessions are still there: end under them
    directory->remove();
    log::flush();
    _exit(EX_OK);
  }
  server->reset();  // before its folder goes
  return EX_OK;
}

}  // namespace posthouse::app
