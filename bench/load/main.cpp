// posthouse-load: a load generator for SMTP, LMTP, IMAP and POP3 servers on this machine. Sends to loopback
// only.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>

#include "options.h"

namespace load {

std::string numbered(const std::string& pattern, int number) {
  size_t at = pattern.find("%03d");
  if (at == std::string::npos) return pattern;
  return fmt::format("{}{:03}{}", pattern.substr(0, at), number, pattern.substr(at + 4));
}

std::string make_letter(uint64_t size, const std::string& from, const std::string& to, uint64_t serial) {
  std::string letter = fmt::format(
      "From: Load Generator <{}>\r\nTo: <{}>\r\nSubject: letter {} of the load generator\r\n"
      "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{}.load@load.test>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
      from, to, serial, serial);
  static const char text[] =
      "The quick brown fox jumps over the lazy dog, and the letter goes on its way.\r\n";
  while (letter.size() + sizeof text - 1 <= size) letter += text;
  if (letter.size() + 2 < size) letter += std::string(size - letter.size() - 2, 'x') + "\r\n";
  return letter;
}

namespace {

bool set_option(Options& o, std::string_view name, const char* value) {
  const std::map<std::string_view, std::string*> texts = {
      {"host", &o.host},   {"to", &o.to},           {"from", &o.from}, {"password", &o.password},
      {"login", &o.login}, {"mailbox", &o.mailbox}, {"auth", &o.auth}, {"command", &o.command}};
  if (auto it = texts.find(name); it != texts.end()) {
    *it->second = value;
    return true;
  }
  double number = std::atof(value);
  if (name == "port")
    o.port = static_cast<uint16_t>(number);
  else if (name == "imap-port")
    o.imap_port = static_cast<uint16_t>(number);
  else if (name == "sessions")
    o.sessions = static_cast<int>(number);
  else if (name == "count")
    o.count = static_cast<uint64_t>(number);
  else if (name == "per-connection")
    o.per_connection = static_cast<int>(number);
  else if (name == "size")
    o.size = static_cast<uint64_t>(number);
  else if (name == "rate")
    o.rate = number;
  else if (name == "users")
    o.users = static_cast<int>(number);
  else if (name == "seconds")
    o.seconds = number;
  else
    return false;
  return true;
}

int usage() {
  fmt::print(stderr,
             "posthouse-load MODE --port N [--OPTION VALUE ...]\n"
             "modes: smtp lmtp sink imap-command imap-append imap-login pop3 idle notice\n"
             "options: host sessions count per-connection size rate to users from auth login password "
             "mailbox command\n"
             "         imap-port seconds; flags: --quit-close --one-at-a-time\n");
  return 64;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  using namespace load;
  if (argc < 2) return usage();
  Options options;
  options.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quit-close") == 0) {
      options.quit_close = true;
    } else if (std::strcmp(argv[i], "--one-at-a-time") == 0) {
      options.pipelining = false;
    } else if (std::strncmp(argv[i], "--", 2) != 0 || i + 1 >= argc ||
               !set_option(options, argv[i] + 2, argv[i + 1])) {
      return usage();
    } else {
      ++i;
    }
  }
  if (options.host.rfind("127.", 0) != 0) {
    fmt::print(stderr, "posthouse-load sends to loopback only\n");
    return 64;
  }
  options.lmtp = options.mode == "lmtp";
  if (options.mode == "smtp" || options.mode == "lmtp") return run_smtp(options);
  if (options.mode == "sink") return run_sink(options);
  if (options.mode == "pop3") return run_pop3(options);
  if (options.mode == "imap-command") return run_imap_command(options);
  if (options.mode == "imap-append") return run_imap_append(options);
  if (options.mode == "imap-login") return run_imap_login(options);
  if (options.mode == "idle") return run_idle(options);
  if (options.mode == "notice") return run_notice(options);
  return usage();
}
