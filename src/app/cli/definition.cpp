#include "app/cli/definition.h"

#include "app/version.h"

namespace posthouse::app {
namespace {

constexpr uint64_t kMostListed = 1'000'000;
constexpr const char* kDefaultConfig = "/etc/posthouse/posthouse.toml";

// Adds a command below `parent` that, when it is given, becomes the invocation's command.
CLI::App* command(CLI::App* parent, Invocation& into, const std::string& name, const std::string& what) {
  CLI::App* sub = parent->add_subcommand(name, what);
  std::string full = name;
  for (CLI::App* at = parent; at->get_parent() != nullptr; at = at->get_parent())
    full = at->get_name() + " " + full;
  sub->final_callback([&into, full] {
    if (into.command.empty()) into.command = full;
  });
  return sub;
}

void add_config(CLI::App* sub, Invocation& into) {
  sub->add_option("-c,--config", into.config_file, "The configuration file; or $POSTHOUSE_CONFIG")
      ->default_str(kDefaultConfig)
      ->type_name("FILE");
}

void add_json(CLI::App* sub, Invocation& into) {
  sub->add_flag("--json", into.json, "Answer in JSON");
}

CLI::App* admin_command(CLI::App* parent, Invocation& into, const std::string& name,
                        const std::string& what) {
  CLI::App* sub = command(parent, into, name, what);
  add_config(sub, into);
  add_json(sub, into);
  return sub;
}

CLI::App* group(CLI::App& app, const std::string& name, const std::string& what) {
  CLI::App* sub = app.add_subcommand(name, what);
  sub->require_subcommand(1);
  return sub;
}

void define_demo(CLI::App& app, Invocation& into) {
  CLI::App* demo = command(&app, into, "demo",
                           "Run a whole mail server on 127.0.0.1 to try, with accounts for alice and bob, "
                           "carol (whose letters are "
                           "in a Maildir, DIR/data/maildir/DOMAIN/carol) and dave (in an mbox, "
                           "DIR/data/mbox/DOMAIN/dave), and a welcome letter. "
                           "Ctrl-C stops it.");
  demo->add_option("--dir", into.directory,
                   "Keep everything in DIR, and go on there when it exists; without it a new folder is made "
                   "and removed "
                   "at the end")
      ->type_name("DIR");
  demo->add_option(
          "--base-port", into.base_port,
          "Services listen on this number plus their own: SMTP N+25, submission N+587, submissions N+465, "
          "IMAP N+143, IMAPS N+993, POP3 N+110, POP3S N+995, HTTP N+80, HTTPS N+443, "
          "LMTP N+24, metrics N+9464. 0 picks free ports")
      ->default_val(10000)
      ->check(CLI::Range(0, 56071))
      ->type_name("N");
  demo->add_option("--local-domain", into.local_domain, "The domain of the accounts")
      ->default_str("example.test")
      ->check([](const std::string& name) { return name.empty() ? "expected a domain" : ""; })
      ->type_name("DOMAIN");
  demo->add_option("--set", into.settings,
                   "Set an option of the configuration on top, as it would stand in the file")
      ->type_name("KEY=VALUE");
  demo->add_flag("--json", into.json, "Print one line of JSON once every listener accepts");
}

void define_setup(CLI::App& app, Invocation& into) {
  CLI::App* setup =
      command(&app, into, "setup",
              "Prepare this host for real mail: configuration, folders, an administrator's account, "
              "keys, and the DNS records to publish. Overwrites nothing; when it fails, nothing is left "
              "behind.");
  setup->add_option("address", into.name, "The administrator's address, for instance me@example.org")
      ->required()
      ->type_name("ADDRESS");
  setup
      ->add_option(
          "--dir", into.directory,
          "Put everything into DIR; without it the configuration goes to /etc/posthouse and the data to "
          "/var/lib/posthouse")
      ->type_name("DIR");
  setup->add_option("--hostname", into.hostname, "The full name of this host; mail.DOMAIN if it is not given")
      ->type_name("NAME");
  setup
      ->add_option("--ipv4", into.ipv4,
                   "The IPv4 address to publish; found by itself if this host has a public one")
      ->type_name("ADDRESS");
  setup->add_option("--ipv6", into.ipv6, "The same for IPv6")->type_name("ADDRESS");
  setup->add_option("--user", into.user, "The user to run as when started as root")
      ->default_str("posthouse")
      ->type_name("USER");
  add_json(setup, into);
}

void define_serve(CLI::App& app, Invocation& into) {
  CLI::App* serve =
      command(&app, into, "serve",
              "Serve: bind the ports, give up root, confine the worker and restart it should it crash.");
  add_config(serve, into);
  serve->add_flag("--foreground", into.foreground, "One process, without the supervisor; for debuggers");
  serve->add_flag(
      "--check-sandbox", into.check_sandbox,
      "Bind nothing and serve nothing: confine this process as the worker is, try what it must not be "
      "able to do, and exit with 0 only if all of it is refused");
}

void define_config(CLI::App& app, Invocation& into) {
  CLI::App* config = group(app, "config", "Check, show or explain the configuration.");
  CLI::App* check =
      command(config, into, "check", "Report every mistake of a configuration file with its line");
  check->add_option("file", into.file, "The configuration file")->required()->type_name("FILE");
  CLI::App* show = command(config, into, "show", "Print every option with the value in force");
  add_config(show, into);
  CLI::Option* comments = show->add_flag("--comments", into.comments, "With the explanation of each");
  show->add_flag("--json", into.json, "Answer in JSON")->excludes(comments);
  command(config, into, "reference", "Print the reference of all options (Markdown)");
}

void define_app_passwords(CLI::App* account, Invocation& into) {
  CLI::App* group = account->add_subcommand(
      "app-password",
      "Passwords of an account for one device or program each, which can be taken back one by one.");
  group->require_subcommand(1);
  auto address = [&](CLI::App* sub) {
    sub->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
    return sub;
  };
  auto named = [&](CLI::App* sub, const char* what) {
    sub->add_option("name", into.password_name, what)->required()->type_name("NAME");
    return sub;
  };
  CLI::App* add = named(address(admin_command(group, into, "add", "Make one; it is printed, this once")),
                        "What it is for, for instance phone");
  add->add_option(
         "--protocols", into.protocols,
         "What it may be used for, with commas between them: imap, pop3, smtp, jmap, managesieve; all "
         "without it")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST");
  add->add_option("--expires", into.expires, "How long it is good, for instance 90d; for ever without it")
      ->type_name("DURATION");
  address(admin_command(group, into, "list", "List them, with the day each was used last"));
  named(address(admin_command(group, into, "remove", "Take one back; sessions that came by it end")),
        "Its name");
}

void define_account(CLI::App& app, Invocation& into) {
  CLI::App* account = group(app, "account", "Accounts: who has a mailbox here and may log in.");
  auto address = [&](CLI::App* sub) {
    sub->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
    return sub;
  };
  auto properties = [&](CLI::App* sub) {
    sub->add_option("--name", into.display_name, "The name of its owner")->type_name("TEXT");
    sub->add_option("--quota", into.quota,
                    "What it may keep, for instance 5GiB; \"none\" for the domain's default, 0B for no limit")
        ->type_name("SIZE");
    sub->add_option("--quota-messages", into.quota_messages,
                    "How many letters it may keep; \"none\" for the domain's default, 0 for no limit")
        ->type_name("N");
    sub->add_flag("--admin", into.admin, "An administrator: gets the postmaster's letters");
    sub->add_flag("--shared", into.shared,
                  "Nobody's own: others see its mailboxes as shared folders, as far as `mailbox acl` lets "
                  "them; it needs no password");
    return sub;
  };
  CLI::App* add =
      properties(address(admin_command(account, into, "add", "Add an account; prints its password")));
  add->add_flag("--password-stdin", into.password_stdin,
                "Read the password from standard input, not make one up");
  add->add_option("--store", into.store,
                  "How it keeps its letters (default: its domain's, else store.format of the configuration)")
      ->check(CLI::IsMember({"database", "maildir", "mbox"}))
      ->type_name("FORMAT");
  CLI::App* list = admin_command(account, into, "list", "List accounts");
  list->add_option("domain", into.domain, "Of this domain only")->type_name("DOMAIN");
  address(admin_command(account, into, "show", "Show an account and what it keeps"));
  CLI::App* change = properties(address(admin_command(account, into, "change", "Change an account")));
  change->add_option("--store", into.store, "Keep its letters in this format from now on, see store convert")
      ->check(CLI::IsMember({"database", "maildir", "mbox"}))
      ->type_name("FORMAT");
  change->add_flag("--no-admin", into.no_admin, "No longer an administrator")->excludes("--admin");
  change->add_flag("--no-shared", into.no_shared, "No longer shared: somebody's own")->excludes("--shared");
  change->add_flag("--disable", into.disable, "No more logins and no more letters");
  change->add_flag("--enable", into.enable, "Undo --disable")->excludes("--disable");
  address(admin_command(
      account, into, "remove",
      "Remove an account with all its letters; files of a Maildir or of mboxes stay where they are"));
  CLI::App* password =
      address(admin_command(account, into, "password", "Set a new password; prints the one made up"));
  password->add_flag("--password-stdin", into.password_stdin,
                     "Read the password from standard input, not make one up");
  password
      ->add_flag("--hash-stdin", into.password_hash_stdin,
                 "Read a crypt(3) or Argon2id hash made elsewhere from standard input")
      ->excludes("--password-stdin");
  define_app_passwords(account, into);
}

void define_domain(CLI::App& app, Invocation& into) {
  CLI::App* domain = group(app, "domain", "Domains: whose letters are kept here.");
  auto name = [&](CLI::App* sub) {
    sub->add_option("domain", into.name, "The domain")->required()->type_name("DOMAIN");
    return sub;
  };
  auto properties = [&](CLI::App* sub) {
    sub->add_option("--catch-all", into.catch_all,
                    "Who gets letters to addresses that don't exist; \"none\" for nobody")
        ->type_name("ADDRESS");
    sub->add_option("--quota", into.quota,
                    "What each of its accounts may keep, for instance 5GiB; \"none\" for the configuration's "
                    "default")
        ->type_name("SIZE");
    sub->add_option(
           "--quota-messages", into.quota_messages,
           "How many letters each of its accounts may keep; \"none\" for the configuration's default")
        ->type_name("N");
    sub->add_option("--total", into.total,
                    "What all its accounts may keep together; \"none\" for the configuration's default")
        ->type_name("SIZE");
    sub->add_option("--total-messages", into.total_messages,
                    "How many letters all its accounts may keep together; \"none\" for the configuration's "
                    "default")
        ->type_name("N");
    sub->add_option(
           "--store", into.store,
           "How accounts that are added from now on keep their letters; \"none\" for store.format of "
           "the configuration")
        ->check(CLI::IsMember({"database", "maildir", "mbox", "none"}))
        ->type_name("FORMAT");
  };
  properties(name(admin_command(domain, into, "add", "Add a domain")));
  properties(name(admin_command(domain, into, "change", "Change a domain")));
  admin_command(domain, into, "list", "List domains");
  name(admin_command(domain, into, "show", "Show a domain and what its accounts keep together"));
  name(
      admin_command(domain, into, "recount",
                    "Count anew what its accounts keep together, should `store check` say that it is wrong"));
  name(admin_command(domain, into, "remove", "Remove a domain that has no accounts and aliases"));
}

void define_alias(CLI::App& app, Invocation& into) {
  CLI::App* alias = group(app, "alias", "Aliases: addresses that lead to others, here or elsewhere.");
  auto address = [&](CLI::App* sub) {
    sub->add_option("address", into.name, "The alias")->required()->type_name("ADDRESS");
    return sub;
  };
  auto targets = [&](CLI::App* sub, const char* what) {
    sub->add_option("target", into.targets, what)->required()->type_name("ADDRESS");
  };
  targets(address(admin_command(alias, into, "add", "Add an alias")), "Where its letters go");
  targets(address(admin_command(alias, into, "change", "Give an alias other targets")),
          "Where its letters go from now on");
  CLI::App* list = admin_command(alias, into, "list", "List aliases");
  list->add_option("domain", into.domain, "Of this domain only")->type_name("DOMAIN");
  address(admin_command(alias, into, "show", "Show an alias"));
  address(admin_command(alias, into, "remove", "Remove an alias"));
}

void define_acl(CLI::App* mailbox, Invocation& into) {
  CLI::App* group =
      mailbox->add_subcommand("acl", "Who else may do what with a mailbox (IMAP ACL, RFC 4314).");
  group->require_subcommand(1);
  auto verb = [&](const char* name, const char* what) {
    CLI::App* sub = admin_command(group, into, name, what);
    sub->add_option("address", into.name, "The address of the account whose mailbox it is")
        ->required()
        ->type_name("ADDRESS");
    sub->add_option("mailbox", into.mailbox, "The mailbox, for instance INBOX")
        ->required()
        ->type_name("NAME");
    return sub;
  };
  auto identifier = [&](CLI::App* sub) {
    sub->add_option("identifier", into.identifier,
                    "Another account's address, or anyone (all accounts of the domain); with - before it, "
                    "what it is denied (then put -- before the arguments)")
        ->required()
        ->type_name("WHO");
    return sub;
  };
  verb("list", "List who has which rights");
  identifier(verb("set", "Give rights, or take some"))
      ->add_option(
          "rights", into.rights,
          "The letters of RFC 4314: l see, r read, s mark as seen, w set flags, i put in, p post, k make "
          "mailboxes below, x delete the mailbox, t delete letters, e expunge, a give rights; +LETTERS "
          "adds, =LETTERS or LETTERS alone is all there are, and ~LETTERS takes away")
      ->required()
      ->type_name("RIGHTS");
  identifier(verb("delete", "Take all rights away"));
}

void define_mailbox(CLI::App& app, Invocation& into) {
  CLI::App* mailbox =
      group(app, "mailbox", "Mailboxes of an account, and expunged letters that can be brought back.");
  auto verb = [&](const char* name, const char* what) {
    CLI::App* sub = admin_command(mailbox, into, name, what);
    sub->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
    return sub;
  };
  auto filter = [&](CLI::App* sub) {
    CLI::Option* of =
        sub->add_option("--mailbox", into.mailbox, "Those that were in this mailbox")->type_name("NAME");
    sub->add_option("--since", into.since,
                    "Those expunged since then: 2026-11-23T21:14:13Z (UTC), a day, or so long ago: 2h, 3d")
        ->type_name("TIME");
    sub->add_option("--uid", into.uids, "Those that had this UID there; may be given several times")
        ->needs(of)
        ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}))
        ->type_name("N");
    return sub;
  };
  define_acl(mailbox, into);
  verb("list", "List mailboxes");
  CLI::App* expunged =
      filter(verb("expunged",
                  "List expunged letters that can be brought back, and until when; at most 1000 "
                  "unless --most says otherwise"));
  expunged->add_option("--most", into.most, "At most so many")
      ->check(CLI::Range(uint64_t{1}, kMostListed))
      ->type_name("N");
  CLI::App* undelete =
      filter(verb("undelete",
                  "Bring expunged letters back, with new UIDs, to the mailboxes they were in, which are "
                  "made again where they are gone"));
  undelete->add_flag("--dry-run", into.dry_run, "Only tell how many that would be");
  CLI::App* purge = verb("purge", "Remove expunged letters for good");
  purge->add_option("--older-than", into.older_than, "Only those expunged longer ago than this: 2h, 3d")
      ->type_name("DURATION");
}

void define_queue(CLI::App& app, Invocation& into) {
  CLI::App* queue = group(app, "queue", "The queue: letters on their way to other hosts.");
  auto filtered = [&](const char* name, const char* what, bool changes) {
    CLI::App* sub = admin_command(queue, into, name, what);
    sub->add_option("id", into.targets, "Letters by their queue id, or the word all")->type_name("ID");
    sub->add_option("--sender", into.sender, "Those whose sender contains this")->type_name("TEXT");
    sub->add_option("--recipient", into.recipient, "Those with a recipient that contains this")
        ->type_name("TEXT");
    sub->add_option("--domain", into.domain, "Those to this domain")->type_name("DOMAIN");
    sub->add_option("--state", into.state, "Those with a recipient in this state")
        ->check(CLI::IsMember({"waiting", "held"}))
        ->type_name("STATE");
    if (changes) sub->add_flag("--all", into.all, "All letters");
    return sub;
  };
  CLI::App* list = filtered("list", "List letters, at most 1000 unless --most says otherwise", false);
  list->add_option("--most", into.most, "At most so many")
      ->check(CLI::Range(uint64_t{1}, kMostListed))
      ->type_name("N");
  list->add_flag("--set-aside", into.set_aside, "Records that were moved out of the way instead");
  CLI::App* show = admin_command(queue, into, "show", "Show a letter");
  show->add_option("id", into.name, "Its queue id")->required()->type_name("ID");
  filtered("retry", "Try to deliver now", true);
  filtered("hold", "Hold letters back until released", true);
  filtered("release", "Release what is held, or put what was set aside back into the queue", true);
  filtered("bounce", "Give letters up and send them back to their senders", true);
  filtered("delete", "Delete letters without telling anybody", true);
}

void define_backup(CLI::App& app, Invocation& into) {
  auto folder = [&](CLI::App* sub) {
    return sub->add_option("dir", into.directory, "The folder that keeps the backups")->type_name("DIR");
  };
  auto which = [&](CLI::App* sub, const char* what) {
    sub->add_option("--backup", into.backup_id, what)->type_name("ID");
  };
  auto rate = [&](CLI::App* sub) {
    sub->add_option("--rate", into.rate, "Read at most so much in a second, for instance 20MiB")
        ->type_name("SIZE");
  };
  CLI::App* backup =
      admin_command(&app, into, "backup",
                    "Copy the store, the configuration, keys and certificates to DIR, while the "
                    "server runs or not; what DIR has of earlier backups is not copied again.");
  folder(backup);
  backup
      ->add_option("--keep", into.keep,
                   "Remove all but the N latest backups afterwards; without it all are kept")
      ->check(CLI::Range(uint64_t{1}, kMostListed))
      ->type_name("N");
  rate(backup);
  // Neither needs the configuration, but scripts give it to every command.
  CLI::App* list = admin_command(backup, into, "list", "List the backups in DIR");
  folder(list)->required();
  CLI::App* verify =
      admin_command(backup, into, "verify", "Read backups and compare every file with its checksum");
  folder(verify)->required();
  which(verify, "This backup only, not all");
  rate(verify);
  CLI::App* restore = admin_command(
      &app, into, "restore",
      "Restore everything from the backups in DIR into an empty data folder, or, with --account, "
      "put back what is missing in an account, while the server runs. Repeating it doubles nothing.");
  folder(restore)->required();
  which(restore, "From this backup, not the latest");
  restore->add_flag("--check", into.check,
                    "Change nothing: tell what would be restored, and read samples of it. The exit status is "
                    "0 when what was read is whole, also where DATA holds a store, into which nothing but "
                    "letters of accounts can be restored (that is told); 70 when something is damaged");
  restore->add_option("--account", into.account, "Only the letters of this account")->type_name("ADDRESS");
  restore->add_option("--mailbox", into.mailbox, "Of the account only this mailbox")
      ->needs("--account")
      ->type_name("NAME");
  restore->add_option("--message-id", into.message_id, "Only letters with this Message-ID")
      ->needs("--account")
      ->type_name("ID");
  restore->add_option("--uid", into.uid, "Only the letter with this UID")->needs("--mailbox")->type_name("N");
  restore->add_option("--into", into.into, "Put the letters into this mailbox, not into those they were in")
      ->needs("--account")
      ->type_name("NAME");
  restore
      ->add_option("--queue", into.queued,
                   "What becomes of letters that were on their way to other hosts and may have arrived since")
      ->default_str("hold")
      ->check(CLI::IsMember({"keep", "hold", "drop"}))
      ->excludes("--account")
      ->type_name("WHAT");
  restore
      ->add_flag(
          "--latest", into.latest,
          "Nothing was changed since the backup, which was made with the server stopped: clients need not "
          "read everything again")
      ->excludes("--account");
}

void define_imap_import(CLI::App* import, Invocation& into) {
  CLI::Option* password =
      import->add_option("--password-file", into.password_file,
                         "A file whose first line is the password of USER there. Without it: "
                         "POSTHOUSE_IMPORT_PASSWORD of the environment, or you are asked");
  password->type_name("FILE");
  import
      ->add_option("--token-file", into.token_file,
                   "A file whose first line is an OAuth token for USER; read again at each login")
      ->excludes(password)
      ->type_name("FILE");
  import->add_flag("--all-mail", into.all_mail,
                   "Also views like \"All Mail\", whose letters are in other mailboxes as well");
  import->add_flag("--only-new", into.only_new,
                   "What was brought once stays away, also if it was moved or expunged here since");
  import->add_option("--ca-file", into.ca_file, "Trust these certificates (PEM), not the system's")
      ->type_name("FILE");
  import
      ->add_option("--timeout", into.timeout,
                   "How long the other server may say nothing, and take for one answer (default: 3m)")
      ->type_name("DURATION");
  import->add_flag("--insecure", into.insecure, "Don't check the certificate of HOST");
  import->add_flag("--plaintext", into.plaintext,
                   "imap:// without TLS: everybody on the way can read the password");
}

void define_moving(CLI::App& app, Invocation& into) {
  CLI::App* import = admin_command(
      &app, into, "import",
      "Bring letters from elsewhere into an account, with flags, keywords, dates and mailboxes, while the "
      "server runs or not. Repeating it doubles nothing. What can't be read is listed and left out; the exit "
      "status is 65 then.");
  import->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
  import
      ->add_option(
          "source", into.file,
          "An mbox file or a folder of them, a Maildir with its subfolders, a folder of .eml files, or an "
          "account on another server: imaps://USER@HOST[:PORT], or imap:// with STARTTLS")
      ->required()
      ->type_name("SOURCE");
  import->add_option("--format", into.format, "What SOURCE is, should it not be clear")
      ->default_str("auto")
      ->check(CLI::IsMember({"auto", "mbox", "maildir", "eml"}))
      ->type_name("FORMAT");
  import->add_option("--into", into.into, "Into this mailbox; other mailboxes of SOURCE go below it")
      ->type_name("MAILBOX");
  import->add_flag("--dry-run", into.dry_run, "Change nothing: tell what would come");
  import
      ->add_option("--folder", into.folders,
                   "Only this mailbox of SOURCE, and those below it; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  import
      ->add_option("--exclude", into.exclude,
                   "Not this mailbox of SOURCE, nor those below it; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  import->add_flag("--sync-flags", into.sync_flags,
                   "Letters that are there already get the flags that they have in SOURCE");
  define_imap_import(import, into);
  CLI::App* out = admin_command(
      &app, into, "export",
      "Write the letters of an account to DIR, with flags, keywords, dates and mailboxes, while the server "
      "runs or not. A repeat adds what is new.");
  out->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
  out->add_option("dir", into.directory, "Where to; made if it is not there")->required()->type_name("DIR");
  out->add_option("--format", into.format, "As what")
      ->default_str("maildir")
      ->check(CLI::IsMember({"maildir", "mbox", "eml"}))
      ->type_name("FORMAT");
  out->add_option("--mailbox", into.mailbox, "This mailbox only")->type_name("NAME");
}

void define_search(CLI::App& app, Invocation& into) {
  CLI::App* search = group(app, "search", "The index that answers searches in the text of letters.");
  admin_command(search, into, "status", "How much is indexed, and what room that takes")
      ->add_option("address", into.name, "Of this account only")
      ->type_name("ADDRESS");
  admin_command(search, into, "rebuild",
                "Throw the index away; the server makes it anew. Nothing but time is lost: without it "
                "searches look at each letter")
      ->add_option("address", into.name, "Of this account only")
      ->type_name("ADDRESS");
}

void define_others(CLI::App& app, Invocation& into) {
  CLI::App* deliver = command(
      &app, into, "deliver",
      "Deliver a letter from standard input to accounts. The exit status is one of "
      "sysexits.h: 0 it is delivered, 67 no such user, 75 try again later, 65 bad address, 69 larger than "
      "limits.message_size.");
  add_config(deliver, into);
  deliver->add_option("-f,--from", into.sender, "The sender, for bounces; none without it, or \"<>\"")
      ->type_name("ADDRESS");
  deliver->add_option("recipient", into.targets, "Who gets it")->required()->type_name("ADDRESS");
  CLI::App* store = group(app, "store", "The store of letters.");
  admin_command(store, into, "check", "Read everything and report what is damaged");
  admin_command(
      store, into, "repair",
      "With the server stopped: put in order what `check` reports, and say what was done. Letters "
      "whose place is lost come back in a mailbox \"Recovered\"; mailboxes that had to be put in order "
      "are fetched anew by mail programs. Interrupted, it can be run again")
      ->add_flag(
          "--remove-unowned", into.remove_unowned,
          "Also remove letters of accounts that nothing knows any more; `store salvage` copies them out");
  CLI::App* salvage = command(
      store, into, "salvage",
      "With the server stopped: copy what can be read of a damaged store into a new folder, a Maildir "
      "for each mailbox, and list what can't be read. Changes nothing in the store, and works also when "
      "nothing else can open it. Interrupted, it can be run again into the same folder");
  add_config(salvage, into);
  add_json(salvage, into);
  salvage->add_option("directory", into.directory, "The folder to make")->required()->type_name("DIR");
  CLI::App* convert = admin_command(
      store, into, "convert",
      "Move an account to another format while it is in use: UIDs, flags and all stay. What an interrupted "
      "one left undone is done by the next start of the server, or by repeating it. Files that the account "
      "leaves stay as a copy.");
  convert->add_option("address", into.name, "The account's address")->required()->type_name("ADDRESS");
  convert->add_option("--to", into.store, "The format")
      ->required()
      ->check(CLI::IsMember({"database", "maildir", "mbox"}))
      ->type_name("FORMAT");
  add_config(
      command(store, into, "create",
              "Make an empty store where server.data_directory says, for a configuration that was written "
              "by hand; `setup` does it by itself"),
      into);
  CLI::App* man = command(&app, into, "man", "Write the manual pages, or print the first");
  man->add_option("--dir", into.directory, "Where to write them; made if it is not there")->type_name("DIR");
  CLI::App* version = command(&app, into, "version", "Print the version");
  add_json(version, into);
  admin_command(&app, into, "status", "Show the state of the queue and the disk");
}

}  // namespace

std::unique_ptr<CLI::App> define_commands(Invocation& into) {
  auto app = std::make_unique<CLI::App>("A complete e-mail system in one program.", "posthouse");
  app->set_version_flag("--version", fmt::format("posthouse {}", kVersion));
  app->require_subcommand(1);
  app->footer("`posthouse COMMAND --help` explains a command. Try `posthouse demo`.");
  // Not by CLI11's envname(): that of one command would override the option of another.
  const char* named = std::getenv("POSTHOUSE_CONFIG");
  into.config_file = named != nullptr && *named != '\0' ? named : kDefaultConfig;
  define_demo(*app, into);
  define_setup(*app, into);
  define_serve(*app, into);
  define_config(*app, into);
  define_account(*app, into);
  define_domain(*app, into);
  define_alias(*app, into);
  define_mailbox(*app, into);
  define_queue(*app, into);
  define_search(*app, into);
  define_backup(*app, into);
  define_moving(*app, into);
  define_others(*app, into);
  return app;
}

}  // namespace posthouse::app
