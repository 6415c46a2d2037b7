// What the command line asked for. One flat set for all modes; each mode reads what concerns it.
#pragma once

#include <cstdint>
#include <string>

namespace load {

struct Options {
  std::string mode;
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  uint16_t imap_port = 0;  // notice: where the watching sessions log in
  int sessions = 16;
  uint64_t count = 1000;    // letters, commands or connections in all
  int per_connection = 20;  // letters until QUIT and a new connection; 0: never
  uint64_t size = 4096;     // octets of a letter
  double rate = 0;          // letters a second (open loop); 0: as fast as answers come (closed loop)
  std::string to = "user%03d@bench.test";  // %03d: a number below `users`
  int users = 100;
  std::string from = "sender@load.test";
  std::string password = "secret";
  std::string login = "user%03d";  // IMAP
  std::string auth;                // SMTP: log in with AUTH PLAIN under this name; empty: don't
  std::string mailbox = "INBOX";
  std::string command;  // imap-command: what to send after SELECT
  bool lmtp = false;
  bool quit_close = false;  // close after QUIT without waiting for 221
  bool pipelining = true;   // MAIL, RCPT and DATA in one segment where the server offers it
  double seconds = 60;      // give up after
  int hold = 0;             // idle: descriptor to wait on before closing (0: standard input)
};

// Modes. Each prints one line of JSON and returns an exit code.
int run_smtp(const Options& options);  // smtp, lmtp
int run_sink(const Options& options);  // sink: an SMTP server that takes everything
int run_imap_command(
    const Options& options);  // imap-command: the same command by `sessions` sessions, `count` times
int run_imap_append(const Options& options);  // imap-append
int run_imap_login(const Options& options);   // imap-login: connect, LOGIN, SELECT, LOGOUT
int run_pop3(const Options& options);         // pop3: downloads a maildrop, all of it in one session
int run_idle(const Options& options);    // idle: open `sessions` IDLE sessions, print, wait for end of input
int run_notice(const Options& options);  // notice: delay from 250 to EXISTS in an IDLE session

std::string numbered(const std::string& pattern, int number);  // fills in %03d
std::string make_letter(uint64_t size, const std::string& from, const std::string& to, uint64_t serial);

}  // namespace load
