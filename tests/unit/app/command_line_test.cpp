#include <stdlib.h>
#include <sysexits.h>

#include "app/cli/invocation.h"

namespace posthouse::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "posthouse");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Parsed out = parse_command_line(static_cast<int>(words.size()), words.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  return out;
}

TEST(CommandLine, Demo) {
  Parsed parsed = parse({"demo", "--dir", "/x", "--base-port", "0", "--json", "--set", "a.b=1", "--set",
                         "c.d=2", "--local-domain", "d.test"});
  ASSERT_TRUE(parsed.invocation);
  EXPECT_EQ(parsed.invocation->command, "demo");
  EXPECT_EQ(parsed.invocation->directory, "/x");
  EXPECT_EQ(parsed.invocation->base_port, 0);
  EXPECT_TRUE(parsed.invocation->json);
  EXPECT_EQ(parsed.invocation->local_domain, "d.test");
  EXPECT_THAT(parsed.invocation->settings, ElementsAre("a.b=1", "c.d=2"));
  EXPECT_EQ(parse({"demo"}).invocation->base_port, 10000);
}

TEST(CommandLine, PortsMustFit) {
  EXPECT_EQ(parse({"demo", "--base-port", "60000"}).status, EX_USAGE);
}

TEST(CommandLine, NamesOfCommandsIncludeTheirGroup) {
  EXPECT_EQ(parse({"account", "add", "a@b.test"}).invocation->command, "account add");
  EXPECT_EQ(parse({"queue", "list"}).invocation->command, "queue list");
  EXPECT_EQ(parse({"store", "check"}).invocation->command, "store check");
  EXPECT_EQ(parse({"config", "reference"}).invocation->command, "config reference");
}

TEST(CommandLine, Alias) {
  Parsed parsed = parse({"alias", "add", "all@b.test", "a@b.test", "c@d.test", "-c", "/p.toml"});
  ASSERT_TRUE(parsed.invocation);
  EXPECT_EQ(parsed.invocation->name, "all@b.test");
  EXPECT_THAT(parsed.invocation->targets, ElementsAre("a@b.test", "c@d.test"));
  EXPECT_EQ(parsed.invocation->config_file, "/p.toml");
}

TEST(CommandLine, AnOptionComesBeforeTheEnvironment) {
  ::setenv("POSTHOUSE_CONFIG", "/of/environment.toml", 1);
  EXPECT_EQ(parse({"account", "list"}).invocation->config_file, "/of/environment.toml");
  for (const char* option : {"-c", "--config"})
    EXPECT_EQ(parse({"account", "list", option, "/p.toml"}).invocation->config_file, "/p.toml");
  EXPECT_EQ(parse({"config", "show", "--config=/p.toml"}).invocation->config_file, "/p.toml");
  ::unsetenv("POSTHOUSE_CONFIG");
}

TEST(CommandLine, Deliver) {
  Parsed parsed = parse({"deliver", "-f", "x@y.test", "alice", "bob@b.test"});
  ASSERT_TRUE(parsed.invocation);
  EXPECT_EQ(parsed.invocation->sender, "x@y.test");
  EXPECT_THAT(parsed.invocation->targets, ElementsAre("alice", "bob@b.test"));
  EXPECT_EQ(parsed.invocation->config_file, "/etc/posthouse/posthouse.toml");
}

TEST(CommandLine, QueueFilters) {
  Parsed parsed = parse({"queue", "hold", "--domain", "slow.test", "--state", "waiting", "--json"});
  ASSERT_TRUE(parsed.invocation);
  EXPECT_EQ(parsed.invocation->domain, "slow.test");
  EXPECT_EQ(parsed.invocation->state, "waiting");
  EXPECT_EQ(parse({"queue", "hold", "--state", "odd"}).status, EX_USAGE);
}

TEST(CommandLine, MistakesAreUsageErrors) {
  EXPECT_EQ(parse({}).status, EX_USAGE);
  EXPECT_EQ(parse({"nonsense"}).status, EX_USAGE);
  EXPECT_EQ(parse({"demo", "--nonsense"}).status, EX_USAGE);
  EXPECT_EQ(parse({"account"}).status, EX_USAGE);
  EXPECT_EQ(parse({"account", "add"}).status, EX_USAGE);
  EXPECT_EQ(parse({"alias", "add", "a@b.test"}).status, EX_USAGE);
}

TEST(CommandLine, HelpEverywhere) {
  for (auto words : std::vector<std::vector<const char*>>{{"--help"},
                                                          {"demo", "--help"},
                                                          {"queue", "--help"},
                                                          {"queue", "bounce", "--help"},
                                                          {"config", "check", "--help"},
                                                          {"--version"}}) {
    Parsed parsed = parse(words);
    EXPECT_EQ(parsed.status, EX_OK);
    EXPECT_FALSE(parsed.invocation);
  }
}

TEST(Manual, HasAPageForEachCommand) {
  auto pages = manual_pages();
  std::vector<std::string> files;
  for (const ManualPage& page : pages) {
    files.push_back(page.file);
    EXPECT_THAT(page.text, HasSubstr(".TH POSTHOUSE"));
    EXPECT_THAT(page.text, HasSubstr(".SH SYNOPSIS"));
    EXPECT_THAT(page.text, Not(HasSubstr("INT in"))) << page.file;
  }
  for (const char* file : {"posthouse.1", "posthouse-demo.1", "posthouse-serve.1", "posthouse-queue.1",
                           "posthouse-account.1", "posthouse-deliver.1", "posthouse-setup.1"}) {
    EXPECT_THAT(files, testing::Contains(file));
  }
}

TEST(Manual, NamesEveryOption) {
  for (const ManualPage& page : manual_pages()) {
    if (page.file == "posthouse-demo.1") {
      EXPECT_THAT(page.text, HasSubstr("\\-\\-base\\-port N"));
      EXPECT_THAT(page.text, HasSubstr("\\-\\-set KEY=VALUE"));
    }
    if (page.file == "posthouse-queue.1") {
      EXPECT_THAT(page.text, HasSubstr(".SS posthouse queue bounce"));
    }
  }
}

}  // namespace
}  // namespace posthouse::app
