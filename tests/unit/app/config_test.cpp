#include <rapidcheck/gtest.h>

#include <set>

#include "app/config/host_name.h"
#include "app/config/load.h"
#include "app/config/nearest.h"
#include "app/config/options.h"
#include "app/config/reference.h"
#include "app/config/units.h"

namespace posthouse::app {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// The problems of a file with this text, one a line.
std::string problems(const std::string& text) {
  std::string out;
  for (const ConfigProblem& problem : parse_config(text, "/etc/p.toml").problems)
    out += problem.to_string() + "\n";
  return out;
}

TEST(OptionTable, IsShortAndComplete) {
  std::set<std::string_view> keys, names;
  for (const Section& section : sections()) names.insert(section.name);
  EXPECT_LT(options().size(), 120u);
  for (const Option& option : options()) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_EQ(names.count(option.key.substr(0, option.key.find('.'))), 1u) << option.key;
    EXPECT_FALSE(option.doc.empty()) << option.key;
    EXPECT_TRUE(option.doc.ends_with('.')) << option.key;
  }
}

TEST(OptionTable, EveryDefaultIsReadAndWrittenAsItStands) {
  Config defaults = default_config();
  for (const Option& option : options())
    EXPECT_EQ(value_text(option, defaults), option.default_text) << option.key;
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  Loaded loaded = parse_config("", "p.toml");
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(config_as_toml(loaded.config, false), config_as_toml(default_config(), false));
}

// A value for each option that is not its default.
std::string another_value(const Option& option) {
  switch (option.kind) {
    case OptionKind::host:
      return "\"mail.else.test\"";
    case OptionKind::peer:
      return "\"[192.0.2.1]\"";
    case OptionKind::folder:
    case OptionKind::text:
      return "\"/some \\\"where\\\" \\\\ else\"";
    case OptionKind::choice:
      return fmt::format("\"{}\"", option.choices.substr(option.choices.rfind(' ') + 1));
    case OptionKind::toggle:
      return option.default_text == "true" ? "false" : "true";
    case OptionKind::count:
      return fmt::to_string(option.least + 7);
    case OptionKind::bytes:
      return fmt::format("\"{}\"", format_size(option.least + 4096));
    case OptionKind::duration:
      return fmt::format("\"{}\"", format_duration(seconds(static_cast<int64_t>(option.least) + 5)));
    case OptionKind::durations:
      return "[\"3s\", \"1m30s\"]";
    case OptionKind::name_servers:
      return "[\"192.0.2.53\", \"::1@53\"]";
    case OptionKind::extractors:
      return "[\"pdf=/bin/cat\"]";
    case OptionKind::listen:
      return "[\"127.0.0.9:99\", \"[::1]:100\"]";
    case OptionKind::certificates:
      return "[{ chain = \"/c.pem\", key = \"/k.pem\" }]";
  }
  return "";
}

TEST(Config, EveryOptionIsReadAndWrittenAgain) {
  for (const Option& option : options()) {
    std::string value = another_value(option);
    std::string line = fmt::format("{} = {}", option.key, value);
    Loaded loaded;
    loaded.config = default_config();
    apply_settings(loaded, {line});
    // Rules between options may object to a value; that it was read is what counts here.
    EXPECT_EQ(value_text(option, loaded.config), value) << option.key;
    Loaded again = parse_config(config_as_toml(loaded.config, true), "again.toml");
    EXPECT_EQ(config_as_toml(again.config, false), config_as_toml(loaded.config, false)) << option.key;
  }
}

TEST(Config, WhatIsNoTomlIsToldWithLineAndWhatWasExpected) {
  for (const char* text :
       {"a = \"x\n", "a = \"x", "a = [1, 2", "a = {b = 1", "a = 12x", "a =", "a = \"x\\q\"", "= 3", "[server",
        "a = 1\na = 2", "a = 2020-13-01", "hostname a"}) {
    const std::string told = problems(std::string("# one\n") + text);
    EXPECT_THAT(told, testing::MatchesRegex("/etc/p.toml:[23]: [a-z].*expected .*\n")) << text;
  }
}

TEST(Config, UnknownKeysNameFileLineAndTheLikelyOne) {
  EXPECT_EQ(problems("[server]\nhostnam = \"a\"\n"),
            "/etc/p.toml:2: server.hostnam: unknown key; did you mean server.hostname?\n");
  EXPECT_EQ(problems("\n\n[quota]\nwarn = \"1d\"\n"),
            "/etc/p.toml:4: quota.warn: unknown key; did you mean queue.warn?\n");
  EXPECT_THAT(problems("[nonsense]\na = 1\n"), HasSubstr("/etc/p.toml:1: nonsense: unknown section"));
  EXPECT_THAT(problems("hostname = \"a\"\n"),
              HasSubstr("/etc/p.toml:1: hostname: unknown section; did you mean server.hostname?"));
  EXPECT_THAT(problems("server = 3\n"), HasSubstr("/etc/p.toml:1: server: expected a section [server]"));
}

TEST(Config, WrongValuesSayWhatWasExpected) {
  EXPECT_EQ(problems("[limits]\nmessage_size = 50\n"),
            "/etc/p.toml:2: limits.message_size: expected a size such as \"50MiB\", 64KiB to 2GiB\n");
  EXPECT_EQ(problems("[limits]\nmessage_size = \"1B\"\n"),
            "/etc/p.toml:2: limits.message_size: expected a size such as \"50MiB\", 64KiB to 2GiB\n");
  EXPECT_THAT(problems("[queue]\nexpire = \"five days\"\n"),
              HasSubstr("/etc/p.toml:2: queue.expire: expected a duration"));
  EXPECT_THAT(problems("[queue]\nretry = []\n"), HasSubstr("queue.retry: expected a list of durations"));
  EXPECT_THAT(problems("[queue]\nretry = [\"1m\", 3]\n"),
              HasSubstr("queue.retry: expected a list of durations"));
  EXPECT_EQ(problems("[limits]\nerrors = -1\n"),
            "/etc/p.toml:2: limits.errors: expected a whole number, 1 to 1000\n");
  // RFC 9738 section 3
  EXPECT_EQ(problems("[limits]\nimap_messages = 999\n"),
            "/etc/p.toml:2: limits.imap_messages: expected 0, or 1000 at least\n");
  EXPECT_EQ(problems("[limits]\nimap_saves = 1\n"),
            "/etc/p.toml:2: limits.imap_saves: expected 0, or 1000 at least\n");
  EXPECT_THAT(problems("[limits]\nimap_messages = 1000\nimap_saves = 1000\n"),
              HasSubstr("limits.imap_saves: expected 0, for limits.imap_messages is set"));
  EXPECT_EQ(problems("[limits]\nimap_saves = 1000\n"), "");
  EXPECT_EQ(
      problems("[log]\nlevel = \"loud\"\n"),
      "/etc/p.toml:2: log.level: expected one of \"trace\", \"debug\", \"info\", \"warn\", \"error\"\n");
  EXPECT_EQ(problems("[quota]\nover_is_permanent = \"yes\"\n"),
            "/etc/p.toml:2: quota.over_is_permanent: expected true or false\n");
  EXPECT_THAT(problems("[listen]\nsmtp = [\"25\"]\n"),
              HasSubstr("/etc/p.toml:2: listen.smtp: expected \"off\" or a list"));
  EXPECT_THAT(problems("[tls]\ncertificates = [{ chain = \"a\" }]\n"),
              HasSubstr("tls.certificates: expected a list"));
  EXPECT_THAT(problems("[server]\nuser = 3\n"), HasSubstr("server.user: expected text in quotes"));
}

TEST(Config, WhatIsNotKnownIsToldWhatIs) {
  EXPECT_EQ(problems("[log]\nxyzzy = 1\n"),
            "/etc/p.toml:2: log.xyzzy: unknown key; expected one of level, file, format\n");
  EXPECT_THAT(problems("[nonsense]\n"), HasSubstr("unknown section; expected one of server, listen, tls, "));
  // What a terminal would obey is not printed to it.
  EXPECT_THAT(problems("[log]\n\"a\\u001b[1m\" = 1\n"),
              HasSubstr("/etc/p.toml:2: \"log.a\\u001b[1m\": unknown key"));
}

TEST(Config, SmarthostsAreNamesOrAddresses) {
  for (const char* bad :
       {"a b", "h.test:587", "http://h.test", "192.0.2.1:25", "[192.0.2.1", "1.2.3", "user@h.test"}) {
    EXPECT_EQ(
        problems(fmt::format("[smarthost]\nhost = \"{}\"\n", bad)),
        "/etc/p.toml:2: smarthost.host: expected a host name such as \"relay.example.org\" or an address, "
        "without a port\n");
  }
  for (const char* good : {"", "relay", "relay_1.test", "R.Example.ORG.", "192.0.2.1", "[192.0.2.1]",
                           "2001:db8::1", "[2001:db8::1]"}) {
    EXPECT_EQ(problems(fmt::format("[smarthost]\nhost = \"{}\"\n", good)), "");
  }
}

TEST(Config, ThePortOfASmarthostFitsItsTls) {
  EXPECT_EQ(problems("[smarthost]\nhost = \"h.test\"\ntls = \"implicit\"\n"),
            "/etc/p.toml:3: smarthost.port: expected the port for TLS from the first byte, usually 465, not "
            "587 (the "
            "default)\n");
  EXPECT_EQ(
      problems("[smarthost]\nhost = \"h.test\"\nport = 465\n"),
      "/etc/p.toml:3: smarthost.tls: expected \"implicit\" for port 465, not \"starttls\" (the default)\n");
  EXPECT_EQ(problems("[smarthost]\nhost = \"h.test\"\nport = 465\ntls = \"implicit\"\n"), "");
  EXPECT_EQ(problems("[smarthost]\nhost = \"h.test\"\nport = 587\ntls = \"implicit\"\n"), "");
}

TEST(Config, NamesAndFoldersThatServeNobody) {
  EXPECT_EQ(problems("[server]\nhostname = \"mail\"\n"),
            "/etc/p.toml:2: server.hostname: expected a full name such as mail.example.org, not \"mail\": "
            "other hosts "
            "look it up\n");
  EXPECT_EQ(problems("[server]\nhostname = \"localhost\"\n"), "");
  EXPECT_EQ(problems("[server]\ndata_directory = \"/x/..\"\n"),
            "/etc/p.toml:2: server.data_directory: expected a folder of its own, not /\n");
  EXPECT_THAT(problems("[server]\ndata_directory = \"\"\n"),
              HasSubstr("/etc/p.toml:2: server.data_directory: expected a folder such as"));
  EXPECT_EQ(problems("[resolver]\nrecursive = true\nservers = [\"192.0.2.53\"]\n"),
            "/etc/p.toml:3: resolver.servers: expected no name servers, for resolver.recursive is true\n");
}

TEST(Config, FilesThatAreNoText) {
  EXPECT_EQ(load_config("/tmp").problems.at(0).to_string(), "/tmp: can't be read: Is a directory");
  EXPECT_EQ(load_config("/dev/zero").problems.at(0).to_string(), "/dev/zero: is larger than 1 MiB");
  EXPECT_THAT(problems("[log]\nlevel = \"\xff\xfe\"\n"), HasSubstr("/etc/p.toml:2: "));
  EXPECT_THAT(problems("[queue]\nwarn = \"1h\"\nwarn = \"2h\"\n"), HasSubstr("/etc/p.toml:3: "));
  EXPECT_THAT(problems("[queue]\nretry = " + std::string(100'000, '[') + "\n"), HasSubstr("/etc/p.toml:2: "));
}

TEST(Config, AllMistakesAreReportedAtOnce) {
  std::string all = problems("[server]\nx = 1\n[log]\nlevel = 3\n[queue]\ny = 2\n");
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 3);
}

TEST(Config, BrokenTomlNamesItsLine) {
  EXPECT_THAT(problems("[server]\nhostname = \n"), HasSubstr("/etc/p.toml:2: "));
}

TEST(Config, BrokenHeadersAndKeysAreProblemsLikeOthers) {
  for (const char* text :
       {"[\n[queue]\n", "[",     "[ ",    "[[",     "[[[1]]]", "[[=",        "[=]",
        "[.a]",         "[\"a]", "[a.",   "[a..b]", "[[a]",    "[\xc3\xa9]", "a\xc9\xbe = 1",
        "= 1",          "a.= 1", "a = [", "a = {",  "a = \"",  "a = '''",    "a"}) {
    EXPECT_THAT(problems(text), HasSubstr("/etc/p.toml")) << text;
  }
}

TEST(Config, AFileThatIsNotThereIsAProblem) {
  Loaded loaded = load_config("/does/not/exist.toml");
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].to_string(), "/does/not/exist.toml: can't be read: No such file or directory");
}

TEST(Config, RelativePathsStartAtTheFile) {
  Config config = parse_config(
                      "[server]\ndata_directory = \"data\"\n[tls]\ncertificates = [{ chain = \"tls/c.pem\", "
                      "key = \"/k.pem\" }]\n",
                      "/srv/mail/p.toml")
                      .config;
  EXPECT_EQ(config.server.data_directory, "/srv/mail/data");
  EXPECT_EQ(control_path(config), "/srv/mail/data/run/control.sock");
  EXPECT_EQ(config.tls.certificates[0].chain, "/srv/mail/tls/c.pem");
  EXPECT_EQ(config.tls.certificates[0].key, "/k.pem");
}

TEST(Config, WhatMustStayOnLoopbackDoes) {
  EXPECT_THAT(problems("[listen]\nmetrics = [\"0.0.0.0:9464\"]\n"),
              HasSubstr("listen.metrics: expected loopback"));
  EXPECT_THAT(problems("[listen]\nlmtp = [\"192.0.2.1:24\"]\n"), HasSubstr("listen.lmtp: expected loopback"));
  EXPECT_THAT(problems("[auth]\nplain_without_tls = true\n"),
              HasSubstr("listen.submission: expected loopback"));
  EXPECT_EQ(problems("[auth]\nplain_without_tls = true\n[listen]\nsmtp = [\"127.0.0.1:25\"]\nsubmission = "
                     "[\"[::1]:587\"]\nimap = \"off\"\n"),
            "");
}

TEST(Config, OptionsThatContradictEachOther) {
  EXPECT_THAT(problems("[queue]\nwarn = \"6d\"\n"), HasSubstr("queue.warn: expected at most queue.expire"));
  EXPECT_THAT(problems("[smarthost]\nuser = \"u\"\n"), HasSubstr("smarthost.password_file: expected a file"));
  EXPECT_THAT(problems("[server]\ncontrol_socket = \"/" + std::string(120, 'x') + "\"\n"),
              HasSubstr("at most 107 bytes"));
}

TEST(Config, PlacesOfFilesTellAccountsApart) {
  auto store = [](std::string_view text) { return problems(fmt::format("[store]\n{}\n", text)); };
  for (const char* key : {"maildir", "mbox_inbox", "mbox_folders"}) {
    for (const char* good : {"", "/var/mail/{local}", "/m/{domain}/{local}", "/m/{address}.d"})
      EXPECT_EQ(store(fmt::format("{} = \"{}\"", key, good)), "");
    for (const char* bad : {"/m/all", "/m/{domain}/x", "m"})
      EXPECT_THAT(
          store(fmt::format("{} = \"{}\"", key, bad)),
          HasSubstr(fmt::format("/etc/p.toml:2: store.{}: expected {{local}} (with {{domain}}", key)));
    for (const char* bad : {"/m/{local}/{foo}", "/m/{foo}", "/m/{Local}", "/m/{local"})
      EXPECT_THAT(
          store(fmt::format("{} = \"{}\"", key, bad)),
          HasSubstr(fmt::format(
              "/etc/p.toml:2: store.{}: expected {{local}}, {{domain}} or {{address}}, not {{", key)));
  }
  EXPECT_THAT(store("mbox_inbox = \"/m/{local}\"\nmbox_folders = \"/m/{local}/f\""),
              HasSubstr("/etc/p.toml:3: store.mbox_folders: expected a folder beside the file"));
}

TEST(Config, SmarthostsThatCannotBeMeant) {
  auto smarthost = [](std::string_view text) { return problems(fmt::format("[smarthost]\n{}", text)); };
  const std::string login = "user = \"u\"\npassword_file = \"/p\"\n";
  EXPECT_EQ(smarthost(login), "/etc/p.toml:2: smarthost.host: expected a host, for smarthost.user is set\n");
  EXPECT_EQ(smarthost("host = \"\"\n" + login),
            "/etc/p.toml:2: smarthost.host: expected a host, for smarthost.user is set\n");
  EXPECT_EQ(smarthost("host = \"h.test\"\npassword_file = \"/p\"\n"),
            "/etc/p.toml:3: smarthost.user: expected a name, for smarthost.password_file is set\n");
  EXPECT_EQ(smarthost("host = \"h.test\"\n"), "");
  EXPECT_EQ(smarthost("host = \"h.test\"\n" + login), "");
  for (const char* host : {"h.test", "192.0.2.1", "[2001:db8::1]", "localhost.test"}) {
    EXPECT_EQ(smarthost(fmt::format("tls = \"none\"\nhost = \"{}\"\n", host)), "");
    EXPECT_THAT(
        smarthost(fmt::format("tls = \"none\"\nhost = \"{}\"\n{}", host, login)),
        HasSubstr("/etc/p.toml:2: smarthost.tls: expected \"starttls\" or \"implicit\", not \"none\""));
  }
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."})
    EXPECT_EQ(smarthost(fmt::format("tls = \"none\"\nhost = \"{}\"\n{}", host, login)), "");
}

TEST(Config, OptionsThatContradictEachOtherNameALine) {
  EXPECT_EQ(problems("[queue]\nexpire = \"5d\"\nwarn = \"6d\"\n"),
            "/etc/p.toml:3: queue.warn: expected at most queue.expire, which is \"5d\", not \"6d\"\n");
  EXPECT_EQ(problems("[queue]\nwarn = \"6d\"\n"),
            "/etc/p.toml:2: queue.warn: expected at most queue.expire, which is \"5d\" (the default), not "
            "\"6d\"\n");
  EXPECT_EQ(problems("\n[queue]\nexpire = \"1h\"\n"),
            "/etc/p.toml:3: queue.warn: expected at most queue.expire, which is \"1h\", not \"4h\" (the "
            "default)\n");
  EXPECT_THAT(
      problems("\n[listen]\nmetrics = [\"0.0.0.0:9464\"]\n"),
      HasSubstr("/etc/p.toml:3: listen.metrics: expected loopback addresses only, not 0.0.0.0:9464: "));
  EXPECT_THAT(
      problems("[auth]\nplain_without_tls = true\n"),
      HasSubstr(
          "/etc/p.toml:2: listen.imap: expected loopback addresses only, not 0.0.0.0:143 (the default): "
          "auth.plain_without_tls is on\n"));
  EXPECT_THAT(problems("[smarthost]\nuser = \"u\"\n"), HasSubstr("/etc/p.toml:2: smarthost.password_file: "));
  EXPECT_THAT(problems("[server]\ndata_directory = \"/" + std::string(120, 'x') + "\"\n"),
              HasSubstr("/etc/p.toml:2: server.control_socket: expected a path of at most 107 bytes"));
}

TEST(Config, AnAddressIsListenedOnOnce) {
  EXPECT_EQ(problems("[listen]\nsmtp = [\"127.0.0.1:25\"]\nimap = [\"127.0.0.1:25\"]\n"),
            "/etc/p.toml:3: listen.imap: expected each address once, not 127.0.0.1:25: listen.smtp has "
            "127.0.0.1:25\n");
  EXPECT_THAT(problems("[listen]\nsmtp = [\"127.0.0.1:2525\", \"127.0.0.1:2525\"]\n"),
              HasSubstr("/etc/p.toml:2: listen.smtp: expected each address once"));
  EXPECT_THAT(problems("[listen]\nsmtp = [\"0.0.0.0:25\", \"127.0.0.1:25\"]\n"),
              HasSubstr("/etc/p.toml:2: listen.smtp: expected each address once, not 127.0.0.1:25"));
  EXPECT_EQ(problems("[listen]\nsmtp = [\"127.0.0.1:143\"]\n"),
            "/etc/p.toml:2: listen.smtp: expected each address once, not 127.0.0.1:143: listen.imap (the "
            "default) has "
            "0.0.0.0:143\n");
  EXPECT_EQ(
      problems("[listen]\nsmtp = [\"0.0.0.0:25\", \"[::]:25\"]\nimap = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n"),
      "");
}

TEST(Config, HostNamesAreThoseOfTheWire) {
  EXPECT_EQ(problems("[server]\nhostname = \"a b\"\n"),
            "/etc/p.toml:2: server.hostname: expected a host name such as \"mail.example.org\"\n");
  for (const char* bad :
       {"a_b.test", "-a.test", "a..b", "1.2.3.4", "[1.2.3.4]", "::1", "a.test:25", "a/b", "."}) {
    EXPECT_THAT(problems(fmt::format("[server]\ndefault_domain = \"{}\"\n", bad)),
                HasSubstr("/etc/p.toml:2: server.default_domain: expected a host name"))
        << bad;
  }
  Loaded loaded =
      parse_config("[server]\nhostname = \"Mail.\u00e9.example.\"\ndefault_domain = \"\"\n", "p.toml");
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.server.hostname, "mail.xn--9ca.example");
  EXPECT_EQ(effective_domain(loaded.config), "xn--9ca.example");
}

TEST(HostName, OthersMustFindIt) {
  EXPECT_EQ(*full_host_name("MX1.Example.ORG."), "mx1.example.org");
  EXPECT_EQ(*full_host_name("m\u00fcnchen.test"), "xn--mnchen-3ya.test");
  for (const char* bad :
       {"", "mx1", "mx1.", "mx 1.example.org", "192.0.2.1", "[192.0.2.1]", "mx_1.example.org"}) {
    EXPECT_FALSE(full_host_name(bad)) << bad;
  }
  EXPECT_EQ(*host_name("localhost"), "localhost");
}

TEST(Config, NameServersAreAddresses) {
  EXPECT_EQ(problems("[resolver]\nservers = [\"foo\"]\n"),
            "/etc/p.toml:2: resolver.servers: expected a list of addresses such as [\"192.0.2.53\", "
            "\"::1@5353\"]\n");
  for (const char* bad :
       {"192.0.2.53:53", "192.0.2.53@", "192.0.2.53@0", "@53", "::1@65536", "192.0.2.53@53@53"}) {
    EXPECT_THAT(problems(fmt::format("[resolver]\nservers = [\"{}\"]\n", bad)), HasSubstr("resolver.servers"))
        << bad;
  }
  EXPECT_EQ(problems("[resolver]\nservers = [\"192.0.2.53\", \"::1@5353\"]\n"), "");
}

TEST(Config, SettingsMayLackTheirQuotes) {
  Loaded loaded;
  loaded.config = default_config();
  apply_settings(loaded, {"log.level=trace", "queue.warn = 2h", "log.file=/tmp/a \"b\"",
                          "limits.message_size=1MiB", "listen.metrics=off", "server.hostname=a.test"});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.log.level, "trace");
  EXPECT_EQ(loaded.config.queue.warn, seconds(7200));
  EXPECT_EQ(loaded.config.log.file, "/tmp/a \"b\"");
  EXPECT_EQ(loaded.config.limits.message_size, 1u << 20);
  EXPECT_THAT(loaded.config.listen.metrics, IsEmpty());
  apply_settings(loaded, {"log.level=loud"});
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_THAT(loaded.problems[0].to_string(),
              HasSubstr("--set log.level=loud: log.level: expected one of \"trace\""));
}

TEST(Config, WhereAValueStands) {
  Loaded loaded = parse_config("[server]\nuser = \"u\"\n", "/etc/p.toml");
  EXPECT_EQ(loaded.problem_with("server.user", "x").to_string(), "/etc/p.toml:2: server.user: x");
  EXPECT_EQ(loaded.problem_with("server.group", "x").to_string(), "/etc/p.toml: server.group: x");
  EXPECT_EQ(loaded.problem_with("server.group", "x", {"server.user"}).to_string(),
            "/etc/p.toml:2: server.group: x");
}

TEST(Nearest, IsAtMostTwoLettersAway) {
  constexpr std::string_view kNames[] = {"list", "show", "remove", "add"};
  EXPECT_EQ(nearest("lst", kNames), "list");
  EXPECT_EQ(nearest("hsow", kNames), "show");
  EXPECT_EQ(nearest("remoove", kNames), "remove");
  EXPECT_EQ(nearest("qqq", kNames), "");
  EXPECT_EQ(nearest("nosuchcmd", kNames), "");
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Config, SettingsComeOnTop) {
  Loaded loaded = parse_config("[queue]\nwarn = \"1h\"\n", "p.toml");
  apply_settings(loaded, {"queue.warn=\"2h\"", "resolver.servers=[\"127.0.0.1@5353\"]"});
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.queue.warn, seconds(7200));
  EXPECT_EQ(loaded.config.resolver.servers.at(0), "127.0.0.1@5353");
  apply_settings(loaded, {"queue.wran=\"2h\""});
  EXPECT_EQ(loaded.problems.size(), 1u);
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("50MiB"), 50ull << 20);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("0B"), 0u);
  for (const char* bad : {"", "50", "MiB", "-1B", "1.5GiB", "50 MiB", "50mib", "99999999999TiB", "1BB"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
}

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("1h30m"), seconds(5400));
  EXPECT_EQ(parse_duration("2w"), seconds(14 * 86400));
  for (const char* bad :
       {"", "5", "d", "30m1h", "1h1h", "-5m", "1.5h", "99999999999999999999s", "9999999999999w"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Units, Endpoints) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:25")->to_string(), "127.0.0.1:25");
  EXPECT_EQ(parse_endpoint("[::1]:25")->to_string(), "[::1]:25");
  for (const char* bad :
       {"", ":25", "25", "localhost:25", "::1:25", "[127.0.0.1]:25", "127.0.0.1:65536", "1.2.3.4:"}) {
    EXPECT_EQ(parse_endpoint(bad), std::nullopt) << bad;
  }
}

RC_GTEST_PROP(Units, SizesAndDurationsGoThereAndBack, (uint32_t number)) {
  RC_ASSERT(parse_size(format_size(number)) == std::optional<uint64_t>(number));
  RC_ASSERT(parse_duration(format_duration(seconds(number))) == std::optional<seconds>(seconds(number)));
}

// Whatever stands in a file, reading it ends, and with a message or a configuration.
RC_GTEST_PROP(Config, AnythingIsReadOrRefused, (std::string text)) {
  Loaded loaded = parse_config(text, "p.toml");
  for (const ConfigProblem& problem : loaded.problems) RC_ASSERT(!problem.what.empty());
}

}  // namespace
}  // namespace posthouse::app
