// A command line, understood: which command, and its arguments as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::app {

struct Invocation {
  std::string command;  // "demo", "account add", "queue list", ...
  std::string config_file;
  bool json = false;

  // demo, setup, man
  std::string directory;
  int base_port = 10000;
  std::string local_domain;
  std::vector<std::string> settings;  // --set

  // setup
  std::string hostname, user, ipv4, ipv6;

  // serve
  bool check_sandbox = false;
  bool foreground = false;  // without a supervisor

  // account, domain, alias
  std::string name;                  // address or domain
  std::vector<std::string> targets;  // of an alias; recipients of deliver; queue ids
  std::string display_name;
  bool admin = false, no_admin = false, enable = false, disable = false;
  bool shared = false, no_shared = false;
  std::string quota, total;                    // size, or "none"
  std::string quota_messages, total_messages;  // number, or "none"
  std::string catch_all;
  std::string store;  // format of an account's mailboxes, or of a domain's new accounts
  bool password_stdin = false, password_hash_stdin = false;
  // account app-password
  std::string password_name, expires;
  std::vector<std::string> protocols;

  // mailbox
  std::string identifier, rights;  // of acl
  std::string mailbox, since, older_than;
  std::vector<uint64_t> uids;
  bool dry_run = false;

  // queue
  std::string sender, recipient, domain, state;
  uint64_t most = 0;
  bool all = false, set_aside = false;

  // backup, restore
  std::string backup_id, rate, account, message_id, into, queued = "hold";  // and `mailbox`
  uint64_t keep = 0;
  std::optional<uint64_t> uid;
  bool check = false, latest = false;

  // import, export: and `into`, `dry_run`, `mailbox`, `directory`
  std::string format;
  // import, from an IMAP server
  std::vector<std::string> folders, exclude;
  std::string password_file, token_file, ca_file;
  std::string timeout;
  bool insecure = false, plaintext = false, all_mail = false, only_new = false, sync_flags = false;

  // store repair
  bool remove_unowned = false;

  // config, import
  std::string file;
  bool comments = false;
};

// What the command line came to: something to do, or an exit status at once (help was printed, or a mistake
// told).
struct Parsed {
  std::optional<Invocation> invocation;
  int status = 0;
};

// Prints help and mistakes itself.
Parsed parse_command_line(int argc, const char* const* argv);

// A page of the manual: its file name and its text (roff).
struct ManualPage {
  std::string file;  // "posthouse-queue.1"
  std::string text;
};

// The manual, from the same definitions.
std::vector<ManualPage> manual_pages();

}  // namespace posthouse::app
