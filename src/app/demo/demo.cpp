#include "app/demo/demo.h"

#include <sysexits.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "app/cli/output.h"
#include "app/cli/shell.h"
#include "app/config/reference.h"
#include "app/demo/start_signals.h"
#include "app/demo/welcome.h"
#include "app/extraction/extraction.h"
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
  std::string directory, domain, log_file;
  bool temporary = false;
  Ports ports;
  std::vector<DemoAccount> accounts;
};

int complain(const Fault& fault, int status) {
  fmt::print(stderr, "posthouse: {}\n", fault.what);
  return status;
}

void print_json(const Facts& facts) {
  boost::json::object ports;
  for (const auto& [name, port] : facts.ports) ports[name] = port;
  boost::json::array accounts;
  for (const DemoAccount& one : facts.accounts) {
    boost::json::object account;
    account["address"] = one.address;
    account["password"] =
        one.password_known ? boost::json::value(kDemoPassword) : boost::json::value(nullptr);
    accounts.push_back(std::move(account));
  }
  boost::json::object out;
  out["ready"] = true;
  out["dir"] = facts.directory;
  out["ports"] = std::move(ports);
  out["accounts"] = std::move(accounts);
  fmt::print("{}\n", boost::json::serialize(out));
  flush_output();
}

void print_service(const Facts& facts, const char* name, const char* what) {
  auto found = facts.ports.find(name);
  if (found != facts.ports.end()) fmt::print("  {:<12}  127.0.0.1:{:<6}  {}\n", name, found->second, what);
}

std::string url(const char* scheme, uint16_t port, const char* rest) {
  return shell_word(fmt::format("{}://127.0.0.1:{}{}", scheme, port, rest));
}

// To be pasted into a shell. A password that is not known here is asked for by the programs themselves.
void print_commands(const Facts& facts) {
  const DemoAccount& alice = facts.accounts.at(0);
  const DemoAccount& bob = facts.accounts.at(1);
  fmt::print("\nTry\n");
  if (auto imaps = facts.ports.find("imaps"); imaps != facts.ports.end()) {
    std::string login = alice.address + (alice.password_known ? fmt::format(":{}", kDemoPassword) : "");
    fmt::print("  curl --insecure --user {} {}\n", shell_word(login),
               url("imaps", imaps->second, "/INBOX;MAILINDEX=1"));
  }
  if (auto submission = facts.ports.find("submission"); submission != facts.ports.end()) {
    std::string password = bob.password_known ? fmt::format(" --auth-password {}", kDemoPassword) : "";
    fmt::print("  swaks --server 127.0.0.1:{0} --tls --auth-user {1}{2} --from {1} --to {3}\n",
               submission->second, shell_word(bob.address), password, shell_word(alice.address));
  }
  fmt::print("  {} queue list --config {}\n\n", program_word(),
             shell_word(facts.directory + "/posthouse.toml"));
}

void print_table(const Facts& facts) {
  fmt::print("Posthouse runs here, on this machine only, in {}\n\nServices\n", facts.directory);
  print_service(facts, "smtp", "letters from other hosts");
  print_service(facts, "submission", "letters from users, STARTTLS or plain");
  print_service(facts, "submissions", "letters from users, TLS");
  print_service(facts, "imap", "mailboxes, STARTTLS or plain");
  print_service(facts, "imaps", "mailboxes, TLS");
  print_service(facts, "pop3", "inboxes to fetch, STLS or plain");
  print_service(facts, "pop3s", "inboxes to fetch, TLS");
  print_service(facts, "http", "mailboxes by JMAP: http://.../jmap/session, plain");
  print_service(facts, "https", "mailboxes by JMAP, TLS");
  print_service(facts, "lmtp", "letters for users from a trusted mail system");
  print_service(facts, "metrics", "http://.../metrics for Prometheus");
  fmt::print("\nAccounts\n");
  for (const DemoAccount& one : facts.accounts) {
    fmt::print("  {}  password {}\n", one.address, one.password_known ? kDemoPassword : "(changed)");
  }
  print_commands(facts);
  fmt::print("Ctrl-C stops it{}.\nready\n", facts.temporary ? " and removes everything" : "");
  flush_output();
}

Task<void> welcome(const Facts& facts) {
  WelcomeLetter letter{facts.domain, {}};
  for (const DemoAccount& one : facts.accounts) {
    if (one.fresh) letter.recipients.push_back(one.address);
  }
  auto smtp = facts.ports.find("smtp");
  if (letter.recipients.empty() || smtp == facts.ports.end()) co_return;
  auto sent = co_await send_welcome(smtp->second, std::move(letter));
  if (sent) co_return;
  log::error("demo.welcome_not_sent", {{"reason", sent.error().what}});
  fmt::print(stderr, "posthouse: the welcome letter was not taken: {}; see {}\n", sent.error().what,
             facts.log_file.empty() ? "above" : facts.log_file);
}

// Sends the welcome letter to new accounts, then tells that all is ready.
Task<void> greet(Facts facts, bool json) {
  co_await welcome(facts);
  if (json) {
    print_json(facts);
  } else {
    print_table(facts);
  }
  log::info("demo.ready");
}

// Who closes the terminal means to end what runs in it; a demo without one reads its configuration again as a
// server does.
void end_with_terminal(Server& server) {
  if (isatty(STDIN_FILENO) == 0 && isatty(STDOUT_FILENO) == 0) return;
  server.main_loop().on_signal({SIGHUP}, [&server](int) { server.stop("SIGHUP"); });
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
  HeldSignals held;  // until they are waited for, and again once that is over
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
  Facts facts{directory->path(),         config->server.default_domain, config->log.file,
              options.directory.empty(), ports_of(*listeners),          {}};
  Server* running = nullptr;
  auto started = [&] {
    end_with_terminal(*running);
    if (!HeldSignals::end_is_waiting()) spawn(greet(facts, options.json));
    held.release();
  };
  std::shared_ptr<search::TextExtractor> extractor = start_extraction(*config);
  auto server = Server::make({*config, config_file, std::move(*listeners), Core::Store::create, started,
                              std::nullopt, std::move(extractor)});
  if (!server) return complain(server.error(), EX_UNAVAILABLE);
  auto made = net::run_blocking(make_demo_accounts((*server)->core(), facts.domain));
  if (!made && made.error().kind == FaultKind::corrupt) made.error().what += "; the next start mends it";
  if (!made) return complain(made.error(), EX_UNAVAILABLE);
  facts.accounts = std::move(*made);
  running = server->get();
  auto clean = running->run();
  held.hold();
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
