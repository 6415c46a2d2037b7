#include "app/admin/service.h"

#include <boost/json.hpp>
#include <filesystem>

#include "app/config/load.h"
#include "app/control/admin.h"
#include "app/control/server.h"
#include "app/core/folders.h"
#include "app/deliver/local_letter.h"
#include "app/limits.h"
#include "base/id.h"
#include "base/log.h"
#include "directory/records.h"
#include "engine/blob_format.h"
#include "engine/record.h"
#include "net/loop.h"
#include "net/socket.h"
#include "store/rows.h"

namespace posthouse::app {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;

const std::string kNoLimits =
    R"(,"quota_messages":null,"total_bytes":null,"total_messages":null,"store":null})";

class Admin : public testing::Test {
 protected:
  Admin() {
    log::configure(log::Level::error, "", "text");
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-admin-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    config_ = default_config();
    config_.server.hostname = "mail.a.test";
    config_.server.data_directory = directory_ + "/data";
    config_.store.memory = 16 << 20;
    EXPECT_TRUE(control::create_store(config_));
  }
  ~Admin() override {
    local_.reset();
    std::filesystem::remove_all(directory_);
  }

  // The answer as JSON text, or the fault as "kind: what".
  std::string ask(const std::string& verb, const std::string& arguments) {
    if (!local_) {
      auto opened = control::open_local(config_);
      EXPECT_TRUE(opened) << opened.error().what;
      local_ = std::move(*opened);
    }
    auto answer = local_->call(verb, json::parse(arguments).as_object(), nullptr);
    if (!answer) return fmt::format("{}: {}", to_string(answer.error().kind), answer.error().what);
    return json::serialize(*answer);
  }

  std::string directory_;
  Config config_;
  std::unique_ptr<control::Admin> local_;
};

TEST_F(Admin, DomainsComeAndGo) {
  EXPECT_THAT(ask("domain.add", R"({"name": "A.test"})"), HasSubstr(R"("name":"a.test")"));
  EXPECT_THAT(ask("domain.add", R"({"name": "a.test"})"), HasSubstr("exists: "));
  EXPECT_THAT(ask("domain.add", R"({})"), HasSubstr("syntax: name is missing"));
  EXPECT_EQ(ask("domain.list", "{}"),
            R"([{"name":"a.test","catch_all":null,"quota_bytes":null,"quota_messages":null,)"
            R"("total_bytes":null,"total_messages":null,"store":null}])");
  EXPECT_THAT(ask("domain.show", R"({"name": "a.test"})"), HasSubstr(R"("accounts":0)"));
  EXPECT_THAT(ask("domain.show", R"({"name": "b.test"})"), HasSubstr("not_found: "));
  EXPECT_EQ(ask("domain.remove", R"({"name": "a.test"})"), R"({"removed":"a.test"})");
  EXPECT_EQ(ask("domain.list", "{}"), "[]");
}

TEST_F(Admin, AccountsWithPasswords) {
  EXPECT_THAT(ask("account.add", R"({"address": "x@a.test"})"), HasSubstr("not_found"));
  ask("domain.add", R"({"name": "a.test"})");
  json::value made =
      json::parse(ask("account.add", R"({"address": "X@a.test", "admin": true, "quota_bytes": 5000})"));
  EXPECT_EQ(made.at("address"), "x@a.test");
  EXPECT_EQ(made.at("password").as_string().size(), 20u);
  json::value given = json::parse(ask("account.add", R"({"address": "y@a.test", "password": "secret"})"));
  EXPECT_FALSE(given.as_object().contains("password"));
  EXPECT_EQ(json::parse(ask("account.list", "{}")).as_array().size(), 2u);
  json::value shown = json::parse(ask("account.show", R"({"address": "x@a.test"})"));
  EXPECT_EQ(shown.at("messages"), 0);
  EXPECT_EQ(shown.at("quota_bytes"), 5000);
  EXPECT_EQ(shown.at("mailboxes").as_array().size(), 6u);
  json::value changed =
      json::parse(ask("account.change", R"({"address": "x@a.test", "enabled": false, "quota_bytes": null})"));
  EXPECT_EQ(changed.at("enabled"), false);
  EXPECT_TRUE(changed.at("quota_bytes").is_null());
  EXPECT_EQ(changed.at("admin"), true);
  EXPECT_THAT(ask("account.password", R"({"address": "y@a.test"})"), HasSubstr("password"));
  EXPECT_THAT(ask("account.password", R"({"address": "nobody@a.test"})"), HasSubstr("not_found"));
  EXPECT_EQ(ask("account.remove", R"({"address": "y@a.test"})"), R"({"removed":"y@a.test"})");
  EXPECT_EQ(json::parse(ask("account.list", R"({"domain": "a.test"})")).as_array().size(), 1u);
}

TEST_F(Admin, Aliases) {
  ask("domain.add", R"({"name": "a.test"})");
  EXPECT_THAT(ask("alias.add", R"({"address": "all@a.test", "targets": ["x@b.test", "not an address"]})"),
              HasSubstr("syntax: not an address"));
  EXPECT_THAT(ask("alias.add", R"({"address": "all@a.test"})"), HasSubstr("syntax: targets"));
  EXPECT_EQ(ask("alias.add", R"({"address": "all@a.test", "targets": ["x@b.test"]})"),
            R"({"address":"all@a.test","targets":["x@b.test"]})");
  EXPECT_THAT(ask("alias.add", R"({"address": "all@a.test", "targets": ["y@b.test"]})"),
              HasSubstr("exists: "));
  EXPECT_EQ(ask("alias.show", R"({"address": "all@a.test"})"),
            R"({"address":"all@a.test","targets":["x@b.test"]})");
  EXPECT_EQ(ask("alias.remove", R"({"address": "all@a.test"})"), R"({"removed":"all@a.test"})");
  EXPECT_EQ(ask("alias.list", "{}"), "[]");
}

// What a verb of the queue answers that changed this letter.
std::string one_letter(const std::string& id) {
  return fmt::format(R"({{"letters":1,"ids":["{}"]}})", id);
}

// Gives `text` in pieces of one byte.
control::LetterPieces bytewise(std::string text) {
  auto at = std::make_shared<size_t>(0);
  return [text = std::move(text), at]() -> Result<std::string> {
    return *at < text.size() ? std::string(1, text[(*at)++]) : std::string();
  };
}

TEST_F(Admin, LettersAreDeliveredOrRefusedByName) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "x@a.test"})");
  auto done =
      local_->deliver({"s@b.test", {"x@a.test"}}, bytewise("From s Mon Nov 23\nSubject: hi\n\nbody\n"));
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_THAT(ask("account.show", R"({"address": "x@a.test"})"), HasSubstr(R"("messages":1)"));
  auto unknown = local_->deliver({"", {"nobody@a.test"}}, bytewise("a\n"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, FaultKind::not_found);
  auto elsewhere = local_->deliver({"", {"x@b.test"}}, bytewise("a\n"));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().kind, FaultKind::policy);
  auto nonsense = local_->deliver({"", {"a b@a.test"}}, bytewise("a\n"));
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().kind, FaultKind::syntax);
}

TEST_F(Admin, QueueVerbsNeedToKnowWhichLetters) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("alias.add", R"({"address": "away@a.test", "targets": ["x@b.test"]})");
  auto id = local_->deliver({"s@a.test", {"away@a.test"}}, bytewise("Subject: a\n\nb\n"));
  ASSERT_TRUE(id) << id.error().what;
  json::value letters = json::parse(ask("queue.list", "{}"));
  ASSERT_EQ(letters.as_array().size(), 1u);
  EXPECT_EQ(letters.at(0).at("recipients").at(0).at("address"), "x@b.test");
  std::string which = fmt::format(R"({{"ids": ["{}"]}})", *id);
  EXPECT_EQ(json::parse(ask("queue.show", fmt::format(R"({{"id": "{}"}})", *id))).at("id").as_string(), *id);
  EXPECT_THAT(ask("queue.delete", "{}"), HasSubstr("syntax: which letters?"));
  EXPECT_THAT(ask("queue.delete", R"({"ids": ["!"]})"), HasSubstr("syntax: not a queue id"));
  EXPECT_THAT(ask("queue.delete", R"({"ids": ["0000000000001"]})"), HasSubstr("not_found"));
  EXPECT_EQ(ask("queue.hold", which), one_letter(*id));
  EXPECT_EQ(json::parse(ask("queue.list", R"({"state": "held"})")).as_array().size(), 1u);
  EXPECT_EQ(ask("queue.release", R"({"domain": "b.test"})"), one_letter(*id));
  EXPECT_EQ(json::parse(ask("queue.list", R"({"state": "held"})")).as_array().size(), 0u);
  EXPECT_THAT(ask("queue.list", R"({"state": "odd"})"), HasSubstr("syntax: state"));
  EXPECT_EQ(ask("queue.delete", R"({"all": true})"), one_letter(*id));
  EXPECT_EQ(ask("queue.list", "{}"), "[]");
}

TEST_F(Admin, ManyLettersAreChangedTogetherAndCounted) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("alias.add", R"({"address": "away@a.test", "targets": ["x@b.test"]})");
  for (size_t i = 0; i <= kLettersNamed; ++i) {
    ASSERT_TRUE(local_->deliver({"s@a.test", {"away@a.test"}}, bytewise("\n")));
  }
  EXPECT_EQ(ask("queue.hold", R"({"all": true})"), fmt::format(R"({{"letters":{}}})", kLettersNamed + 1));
  json::value few = json::parse(ask("queue.release", R"({"all": true, "most": 3})"));
  EXPECT_EQ(few.at("letters"), 3);
  EXPECT_EQ(few.at("ids").as_array().size(), 3u);
  EXPECT_EQ(json::parse(ask("queue.list", R"({"state": "waiting"})")).as_array().size(), 3u);
  // What is held already is not changed by holding it.
  few = json::parse(ask("queue.hold", R"({"domain": "b.test", "state": "waiting"})"));
  EXPECT_EQ(few.at("letters"), 3);
  EXPECT_EQ(ask("queue.hold", R"({"domain": "b.test", "state": "waiting"})"), R"({"letters":0,"ids":[]})");
}

TEST_F(Admin, AccountsKeepTheirLettersAsTheirDomainSays) {
  auto format_of = [this](const std::string& address) {
    json::value shown = json::parse(ask("account.show", fmt::format(R"({{"address": "{}"}})", address)));
    return std::string(shown.at("store").as_string());
  };
  auto add = [this](const std::string& address, const std::string& store = "") {
    json::object arguments{{"address", address}};
    if (!store.empty()) arguments["store"] = store;
    return ask("account.add", json::serialize(arguments));
  };
  EXPECT_THAT(ask("domain.add", R"({"name": "a.test", "store": "maildir"})"),
              HasSubstr(R"("store":"maildir")"));
  EXPECT_THAT(ask("domain.show", R"({"name": "a.test"})"), HasSubstr(R"("store":"maildir")"));
  EXPECT_THAT(ask("domain.add", R"({"name": "b.test"})"), HasSubstr(R"("store":null)"));
  EXPECT_THAT(ask("domain.add", R"({"name": "c.test", "store": "papyrus"})"), HasSubstr("syntax: "));
  add("one@A.test");
  add("two@a.test", "database");
  add("one@b.test");
  EXPECT_EQ(format_of("one@a.test"), "maildir");
  EXPECT_EQ(format_of("two@a.test"), "database");
  EXPECT_EQ(format_of("one@b.test"), "database");
  // Those that are there stay as they are, also when other properties of the domain change.
  EXPECT_THAT(ask("domain.change", R"({"name": "a.test", "quota_bytes": 5})"),
              HasSubstr(R"("store":"maildir")"));
  EXPECT_THAT(ask("domain.change", R"({"name": "a.test", "store": "papyrus"})"), HasSubstr("syntax: "));
  EXPECT_THAT(ask("domain.change", R"({"name": "a.test", "store": null})"), HasSubstr(R"("store":null)"));
  add("three@a.test");
  EXPECT_EQ(format_of("three@a.test"), "database");
  EXPECT_EQ(format_of("one@a.test"), "maildir");
}

// Places are compared as they are, not by today's templates.
TEST_F(Admin, NoTwoAccountsGetTheSameFiles) {
  const auto add = [this](const std::string& address, const std::string& store) {
    return ask("account.add", json::serialize(json::object{{"address", address}, {"store", store}}));
  };
  const auto convert = [this](const std::string& address, const std::string& to) {
    return ask("store.convert", json::serialize(json::object{{"address", address}, {"to", to}}));
  };
  const auto again_with = [this](std::string Config::Store::* place, const std::string& pattern) {
    local_.reset();
    config_.store.*place = directory_ + pattern;
  };
  again_with(&Config::Store::mbox_inbox, "/vm/{local}");
  again_with(&Config::Store::mbox_folders, "/mf/{local}");
  again_with(&Config::Store::maildir, "/md/{local}");
  for (const char* name : {"a.test", "b.test", "c.test"})
    ask("domain.add", json::serialize(json::object{{"name", name}}));
  EXPECT_THAT(add("zed@a.test", "mbox"), HasSubstr(R"("store":"mbox")"));
  EXPECT_THAT(add("zed@a.test", "mbox"), HasSubstr("exists: zed@a.test is an account already"));
  EXPECT_THAT(add("yak@a.test", "mbox"), HasSubstr(R"("store":"mbox")")) << "one domain needs no more";
  const std::string refused = "exists: " + directory_ + "/vm/zed: zed@a.test keeps its letters there";
  EXPECT_THAT(add("zed@b.test", "mbox"), HasSubstr(refused));
  EXPECT_THAT(ask("account.show", R"({"address": "zed@b.test"})"), HasSubstr("not_found"))
      << "nothing was made";
  add("zed@b.test", "database");
  EXPECT_THAT(convert("zed@b.test", "mbox"), HasSubstr(refused));
  EXPECT_THAT(ask("account.change", R"({"address": "zed@b.test", "store": "mbox"})"), HasSubstr(refused));
  EXPECT_THAT(convert("zed@b.test", "maildir"), HasSubstr(R"("store":"maildir")"));
  EXPECT_THAT(convert("zed@a.test", "maildir"), HasSubstr("zed@b.test keeps its letters there"));
  EXPECT_THAT(convert("zed@b.test", "maildir"), HasSubstr(R"("store":"maildir")")) << "its own place";

  again_with(&Config::Store::maildir, "/vm/zed/{local}");
  EXPECT_THAT(add("in@a.test", "maildir"), HasSubstr("zed@a.test keeps its letters there in"));
  again_with(&Config::Store::maildir, "/{local}");
  EXPECT_THAT(add("vm@a.test", "maildir"), HasSubstr("keeps its letters there in " + directory_ + "/vm/"));
  again_with(&Config::Store::maildir, "/v/{local}");
  EXPECT_THAT(add("m@a.test", "maildir"), HasSubstr(R"("store":"maildir")")) << "not in /vm";
  std::filesystem::create_directory_symlink(directory_ + "/vm", directory_ + "/link");
  again_with(&Config::Store::mbox_inbox, "/link/{local}");
  again_with(&Config::Store::mbox_folders, "/other/{domain}/{local}");
  EXPECT_THAT(add("zed@c.test", "mbox"), HasSubstr("zed@a.test keeps its letters there"));
  ask("account.remove", R"({"address": "zed@a.test"})");
  EXPECT_THAT(add("zed@c.test", "mbox"), HasSubstr(R"("store":"mbox")"));
}

// However far a restore came before it was killed, the next one sets what is missing, and no password that
// was set since.
TEST_F(Admin, AnAccountComesBackWholeThoughItsRestoreWasKilled) {
  const std::string hash =
      "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
  const std::string whole = json::serialize(json::object{{"address", "x@a.test"},
                                                         {"password_hash", hash},
                                                         {"quota_messages", 777},
                                                         {"created", 1'000'000'000'000}});
  const auto open_core = [this] {
    local_.reset();
    auto core = Core::open_settled(config_);
    EXPECT_TRUE(core) << core.error().what;
    return std::move(*core);
  };
  const auto stored_hash = [&] {
    const auto core = open_core();
    std::string out;
    const auto look = [&](const engine::Reader& reader) -> Result<void> {
      auto account = reader.get(directory::kPartition, directory::credential_row(1));
      if (account && *account) out = directory::decode_credential(**account)->hash;
      return {};
    };
    EXPECT_TRUE(net::run_blocking(core->engine.read(look)));
    return out;
  };
  EXPECT_THAT(ask("restore.account", whole), HasSubstr("not_found")) << "no such domain";
  ask("domain.add", R"({"name": "a.test"})");
  {  // The account was made, and then the power went.
    const auto core = open_core();
    directory::Account account;
    account.address = "x@a.test";
    ASSERT_TRUE(net::run_blocking(core->directory.add_account(account, Secret("nobody knows"))));
    std::vector<engine::Step> steps;
    steps.push_back({engine::hints_partition(), [](engine::Transaction& rows) -> Result<void> {
                       rows.put("app.restoring.x@a.test", "all");
                       return {};
                     }});
    ASSERT_TRUE(net::run_blocking(core->engine.transact(std::move(steps))));
  }
  EXPECT_EQ(ask("restore.account", whole), R"({"made":true})");
  EXPECT_THAT(ask("account.show", R"({"address": "x@a.test"})"), HasSubstr("INBOX"));
  EXPECT_EQ(stored_hash(), hash);
  ask("account.password", R"({"address": "x@a.test", "password": "since then"})");
  EXPECT_EQ(ask("restore.account", whole), R"({"made":true})") << "not at its end yet";
  EXPECT_NE(stored_hash(), hash);
  ask("restore.end", R"({"address": "x@a.test"})");
  EXPECT_EQ(ask("restore.account", whole), R"({"made":false})");
  ask("account.remove", R"({"address": "x@a.test"})");
  EXPECT_EQ(ask("restore.account", whole), R"({"made":true})");
  const std::string shown = ask("account.show", R"({"address": "x@a.test"})");
  EXPECT_THAT(shown, HasSubstr(R"("quota_messages":777)"));
  EXPECT_THAT(shown, HasSubstr(R"("created":"2001-09-09T01:46:40Z")"));
}

TEST_F(Admin, DomainsAndAliasesChange) {
  ask("domain.add", R"({"name": "a.test", "catch_all": "X@B.test", "quota_bytes": 7})");
  EXPECT_EQ(ask("domain.change", R"({"name": "A.test", "quota_bytes": 9})"),
            R"({"name":"a.test","catch_all":"X@b.test","quota_bytes":9)" + kNoLimits);
  EXPECT_EQ(ask("domain.change", R"({"name": "a.test", "catch_all": null, "quota_bytes": null})"),
            R"({"name":"a.test","catch_all":null,"quota_bytes":null)" + kNoLimits);
  EXPECT_EQ(ask("domain.change", R"({"name": "a.test", "catch_all": "y@b.test"})"),
            R"({"name":"a.test","catch_all":"y@b.test","quota_bytes":null)" + kNoLimits);
  EXPECT_THAT(ask("domain.change", R"({"name": "a.test", "catch_all": "nonsense"})"), HasSubstr("syntax: "));
  EXPECT_THAT(ask("domain.change", R"({"name": "b.test"})"), HasSubstr("not_found: "));
  EXPECT_THAT(ask("alias.change", R"({"address": "all@a.test", "targets": ["x@b.test"]})"),
              HasSubstr("not_found: "));
  ask("alias.add", R"({"address": "all@a.test", "targets": ["x@b.test"]})");
  EXPECT_THAT(ask("alias.change", R"({"address": "all@a.test"})"), HasSubstr("syntax: targets"));
  EXPECT_EQ(ask("alias.change", R"({"address": "all@a.test", "targets": ["y@b.test"]})"),
            R"({"address":"all@a.test","targets":["y@b.test"]})");
  EXPECT_EQ(ask("alias.show", R"({"address": "all@a.test"})"),
            R"({"address":"all@a.test","targets":["y@b.test"]})");
}

TEST_F(Admin, WhatWasSetAsideIsListedReleasedAndDeleted) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("alias.add", R"({"address": "away@a.test", "targets": ["x@b.test"]})");
  auto id = local_->deliver({"s@a.test", {"away@a.test"}}, bytewise("Subject: a\n\nb\n"));
  ASSERT_TRUE(id) << id.error().what;
  std::string which = fmt::format(R"({{"ids": ["{}"]}})", *id);
  auto set_aside = [&] {
    local_.reset();
    auto core = Core::open(config_);
    ASSERT_TRUE(core);
    ASSERT_TRUE(net::run_blocking((*core)->queue.set_aside(*parse_id(*id), "looks odd")));
  };
  set_aside();
  EXPECT_EQ(ask("queue.list", "{}"), "[]");
  std::string listed = ask("queue.set_aside", "{}");
  ASSERT_THAT(listed, testing::StartsWith("[")) << listed;
  json::value records = json::parse(listed);
  ASSERT_EQ(records.as_array().size(), 1u);
  EXPECT_EQ(records.at(0).at("reason"), "looks odd");
  json::value shown = json::parse(ask("queue.show", fmt::format(R"({{"id": "{}"}})", *id)));
  EXPECT_EQ(shown.at("id").as_string(), *id);
  EXPECT_EQ(shown.at("sender"), "s@a.test");
  EXPECT_EQ(shown.at("recipients").at(0).at("address"), "x@b.test");
  EXPECT_EQ(shown.at("set_aside"), "looks odd");
  EXPECT_EQ(shown.at("set_aside_since"), records.at(0).at("when"));
  EXPECT_EQ(ask("queue.release", which), one_letter(*id));
  EXPECT_EQ(json::parse(ask("queue.list", "{}")).as_array().size(), 1u);
  set_aside();
  EXPECT_EQ(ask("queue.delete", which), one_letter(*id));
  EXPECT_EQ(ask("queue.set_aside", "{}"), "[]");
}

TEST_F(Admin, BouncesGoBackWithoutAServer) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "s@a.test"})");
  ask("alias.add", R"({"address": "away@a.test", "targets": ["x@b.test"]})");
  auto id = local_->deliver({"s@a.test", {"away@a.test"}}, bytewise("Subject: a\n\nb\n"));
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_EQ(ask("queue.bounce", fmt::format(R"({{"ids": ["{}"]}})", *id)),
            fmt::format(R"({{"letters":1,"ids":["{}"],"to_sender":1}})", *id));
  EXPECT_EQ(ask("queue.list", "{}"), "[]");
  EXPECT_THAT(ask("account.show", R"({"address": "s@a.test"})"), HasSubstr(R"("messages":1)"));
}

TEST_F(Admin, ABounceSaysWhoGotIt) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "boss@a.test", "admin": true})");
  ask("account.add", R"({"address": "full@a.test", "quota_bytes": 10})");
  ask("alias.add", R"({"address": "away@a.test", "targets": ["x@b.test"]})");
  auto id = local_->deliver({"full@a.test", {"away@a.test"}}, bytewise("Subject: a\n\nb\n"));
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_EQ(ask("queue.bounce", fmt::format(R"({{"ids": ["{}"]}})", *id)),
            fmt::format(R"({{"letters":1,"ids":["{}"],"to_postmaster":1}})", *id));
  EXPECT_EQ(ask("queue.list", "{}"), "[]");
  EXPECT_THAT(ask("account.show", R"({"address": "boss@a.test"})"), HasSubstr(R"("messages":1)"));
  EXPECT_THAT(ask("queue.bounce", fmt::format(R"({{"ids": ["{}"]}})", *id)), HasSubstr("not_found"));
}

TEST_F(Admin, StoreCheckAndStatus) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "x@a.test"})");
  json::value report = json::parse(ask("store.check", "{}"));
  EXPECT_EQ(report.at("accounts"), 1);
  EXPECT_TRUE(report.at("problems").as_array().empty());
  EXPECT_EQ(json::parse(ask("status", "{}")).at("queue").at("letters"), 0);
}

TEST_F(Admin, UnknownVerbs) {
  EXPECT_THAT(ask("account.explode", "{}"), HasSubstr("syntax: unknown verb"));
}

// The same through a socket, in this thread's loop.
Task<Result<std::string>> send_raw(std::string path, std::string bytes) {
  auto stream = co_await net::connect_unix(path, system_clock().steady() + seconds(5));
  if (!stream) co_return std::unexpected(stream.error());
  (*stream)->set_deadline(system_clock().steady() + seconds(10));
  auto sent = co_await (*stream)->write_all(bytes);
  if (!sent) co_return std::unexpected(sent.error());
  std::string got;
  std::array<char, 4096> buffer;
  while (true) {
    auto n = co_await (*stream)->read_some(buffer);
    if (!n || *n == 0) break;
    got.append(buffer.data(), *n);
    if (got.size() >= 4 && got.find("}") != std::string::npos) break;
  }
  co_return got;
}

std::string frame(const std::string& payload) {
  auto n = static_cast<uint32_t>(payload.size());
  return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                     static_cast<char>(n)} +
         payload;
}

Task<Result<void>> talk(Core& core, std::string path, std::vector<std::string> sent,
                        std::vector<std::string>& got) {
  AdminService service(core);
  control::Server::Options options{path, "mail.a.test", "a.test"};
  auto server = control::Server::start(net::this_loop(), service, options);
  if (!server) co_return std::unexpected(server.error());
  for (size_t i = 0; i < sent.size(); ++i) {
    auto answer = co_await send_raw(path, sent[i]);
    got.push_back(answer ? *answer : answer.error().what);
  }
  co_await (*server)->stop();
  co_return Result<void>();
}

TEST_F(Admin, ExpungedLettersComeBackAndGo) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "x@a.test"})");
  const auto deliver = [&](const std::string& letter) {
    bool told = false;
    const auto pieces = [&]() -> Result<std::string> {
      return std::exchange(told, true) ? std::string() : letter;
    };
    EXPECT_TRUE(local_->deliver({"", {"x@a.test"}}, pieces));
  };
  deliver("From: Ann <ann@b.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe=1B?=\r\n\r\nHello.\r\n");
  deliver("Subject: two\r\n\r\n");
  local_.reset();
  {
    auto core = Core::open(config_);
    ASSERT_TRUE(core);
    Core& c = **core;
    const uint64_t id = net::run_blocking(c.directory.account("x@a.test"))->id;
    const auto inbox = net::run_blocking(c.store.mailbox(id, "INBOX"))->id;
    const store::FlagUpdate remove{store::FlagChange::add, store::FlagSet{store::kDeleted, {}}, {}, {}};
    ASSERT_TRUE(net::run_blocking(c.store.update_flags(id, inbox, {1, 2}, remove)));
    ASSERT_EQ(net::run_blocking(c.store.expunge(id, inbox, {1, 2}))->size(), 2u);
  }
  const std::string of = R"({"address": "x@a.test")";
  const json::value shown = json::parse(ask("account.show", of + "}"));
  EXPECT_EQ(shown.at("messages"), 0);
  EXPECT_EQ(shown.at("expunged_messages"), 2);
  const json::array listed = json::parse(ask("mailbox.expunged", of + "}")).as_array();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].at("from"), "ann@b.test");
  EXPECT_EQ(listed[0].at("subject"), "Gr\u00fc\u00dfe ");
  EXPECT_EQ(listed[0].at("mailbox"), "INBOX");
  EXPECT_LT(listed[0].at("expunged").as_string(), listed[0].at("until").as_string());
  EXPECT_THAT(ask("mailbox.expunged", of + R"(, "most": 1})"), testing::Not(HasSubstr("two")));
  EXPECT_THAT(ask("mailbox.undelete", of + R"(, "dry_run": true})"), HasSubstr(R"({"would_restore":2,)"));
  ask("account.change", of + R"(, "quota_messages": 1})");
  EXPECT_THAT(ask("mailbox.undelete", of + R"(, "dry_run": true})"), HasSubstr(R"("fits":false)"));
  EXPECT_THAT(ask("mailbox.undelete", of + "}"), HasSubstr("over_quota: 2 letters of "));
  for (const char* how : {"}", R"(, "dry_run": true})"}) {
    EXPECT_THAT(ask("mailbox.undelete", of + R"(, "mailbox": "INBOX", "uids": [4711])" + how),
                HasSubstr("not_found: no such letter is kept"));
  }
  EXPECT_THAT(ask("mailbox.undelete", of + R"(, "mailbox": "INBOX", "uids": [2, 4711]})"),
              AllOf(HasSubstr(R"({"restored":1,)"), HasSubstr(R"("not_kept":[4711])")));
  EXPECT_THAT(ask("mailbox.list", of + "}"), HasSubstr(R"({"name":"INBOX","role":"inbox","messages":1,)"));
  EXPECT_THAT(ask("domain.show", R"({"name": "a.test"})"), HasSubstr(R"("messages":1,)"));
  EXPECT_THAT(ask("mailbox.purge", of + R"(, "older_than": 3600})"), HasSubstr(R"({"purged":0,)"));
  EXPECT_THAT(ask("mailbox.purge", of + "}"), HasSubstr(R"({"purged":1,)"));
  EXPECT_EQ(ask("mailbox.expunged", of + "}"), "[]");
  EXPECT_THAT(ask("mailbox.undelete", R"({"address": "nobody@a.test"})"), HasSubstr("not_found: "));
  EXPECT_THAT(ask("store.check", "{}"), HasSubstr(R"("problems":[])"));
}

// A letter that nobody can read keeps no other out of the files, and is named; so are mailboxes that get no
// file.
TEST_F(Admin, AConversionTellsWhatItCouldNotDo) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "x@a.test"})");
  for (const size_t size : {size_t{10}, 3 * engine::kBlobChunk, size_t{20}}) {
    std::string letter = "Subject: x\r\n\r\n" + std::string(size, 'x') + "\r\n";
    const auto pieces = [&]() -> Result<std::string> { return std::exchange(letter, std::string()); };
    EXPECT_TRUE(local_->deliver({"", {"x@a.test"}}, pieces));
  }
  local_.reset();
  {
    auto core = Core::open(config_);
    ASSERT_TRUE(core);
    Core& c = **core;
    const uint64_t id = net::run_blocking(c.directory.account("x@a.test"))->id;
    ASSERT_TRUE(net::run_blocking(c.store.create_mailbox(id, "a/x.lock")));
    const auto inbox = net::run_blocking(c.store.mailbox(id, "INBOX"))->id;
    const auto entries = net::run_blocking(c.store.entries(id, inbox, 2, 2, 1, false));
    ASSERT_EQ(entries->size(), 1u);
    std::vector<engine::Step> steps;
    steps.push_back({engine::blob_partition(entries->front().blob), [](engine::Transaction& rows) {
                       rows.erase(engine::chunk_key(1));
                       return Result<void>();
                     }});
    ASSERT_TRUE(net::run_blocking(c.engine.transact(std::move(steps))));
  }
  const std::string told = ask("store.convert", R"({"address": "x@a.test", "to": "mbox"})");
  EXPECT_THAT(told, HasSubstr(R"("store":"mbox")"));
  EXPECT_THAT(told, HasSubstr(R"("unreadable":["mailbox INBOX UID 2: blob )"));
  EXPECT_THAT(told, HasSubstr(R"("without_file":["mailbox a/x.lock: )"));
  const json::value shown = json::parse(ask("account.show", R"({"address": "x@a.test"})"));
  EXPECT_EQ(shown.at("store"), "mbox");
}

// Accounts of a store that was made before domains were counted.
TEST_F(Admin, AStoreOfAnEarlierVersionIsCountedAtItsFirstStart) {
  ask("domain.add", R"({"name": "a.test"})");
  ask("account.add", R"({"address": "x@a.test"})");
  bool told = false;
  const auto pieces = [&]() -> Result<std::string> {
    return std::exchange(told, true) ? std::string() : std::string("Subject: x\r\n\r\n");
  };
  EXPECT_TRUE(local_->deliver({"", {"x@a.test"}}, pieces));
  const std::string counted = ask("domain.show", R"({"name": "a.test"})");
  EXPECT_THAT(counted, HasSubstr(R"("messages":1,)"));
  local_.reset();
  {
    auto core = Core::open(config_);
    ASSERT_TRUE(core);
    const uint64_t id = net::run_blocking((*core)->directory.account("x@a.test"))->id;
    const engine::Step head{
        {engine::PartitionKind::account, id}, [](engine::Transaction& rows) -> Result<void> {
          const auto row = store::decode_head(**rows.get(store::kHeadKey));
          engine::RecordWriter old(1);
          old.varint(row->modseq).varint(row->next_mailbox).varint(row->last_uid_validity);
          old.varint(row->messages).varint(row->bytes).varint(row->mailboxes);
          rows.put(store::kHeadKey, old.finish());
          return {};
        }};
    const engine::Step count{{engine::PartitionKind::system, 2},
                             [](engine::Transaction& rows) -> Result<void> {
                               rows.erase(store::group_key("a.test"));
                               rows.erase("U");
                               return {};
                             }};
    std::vector<engine::Step> steps{head, count};
    ASSERT_TRUE(net::run_blocking((*core)->engine.transact(std::move(steps))));
  }
  EXPECT_EQ(ask("domain.show", R"({"name": "a.test"})"), counted);
  EXPECT_THAT(ask("store.check", "{}"), HasSubstr(R"("problems":[])"));
}

TEST_F(Admin, DomainsAreCountedAndRecounted) {
  ask("domain.add", R"({"name": "a.test", "total_messages": 7})");
  ask("account.add", R"({"address": "x@a.test"})");
  EXPECT_THAT(ask("domain.show", R"({"name": "a.test"})"), HasSubstr(R"("total_messages":7)"));
  EXPECT_THAT(ask("domain.change", R"({"name": "a.test", "total_bytes": 5})"),
              HasSubstr(R"("total_bytes":5)"));
  EXPECT_EQ(ask("domain.recount", R"({"name": "a.test"})"), R"({"name":"a.test","messages":0,"bytes":0})");
  EXPECT_THAT(ask("domain.recount", R"({"name": "b.test"})"), HasSubstr("not_found: "));
}

TEST_F(Admin, JunkOnTheSocketEndsThatClientOnly) {
  auto core = Core::open(config_);
  ASSERT_TRUE(core);
  std::string good = frame(R"({"verb": "status", "arguments": {}})");
  std::vector<std::string> got;
  auto done = net::run_blocking(talk(**core, control_path(config_),
                                     {frame("not json"), "\xff\xff\xff\xff", frame("[1]"), good,
                                      frame(R"({"verb": 3})"), std::string(4, '\0'), good},
                                     got));
  ASSERT_TRUE(done) << done.error().what;
  ASSERT_EQ(got.size(), 7u);
  EXPECT_EQ(got[0], "");
  EXPECT_EQ(got[1], "");
  EXPECT_EQ(got[2], "");
  EXPECT_THAT(got[3], HasSubstr(R"({"ok":{"version")"));
  EXPECT_THAT(got[4], HasSubstr("unknown verb"));
  EXPECT_EQ(got[5], "");
  EXPECT_THAT(got[6], HasSubstr(R"({"ok":{"version")"));
  EXPECT_FALSE(std::filesystem::exists(control_path(config_)));
}

TEST(LineEnds, AllBecomeCrLfHoweverTheyAreCut) {
  std::string text = "a\nb\r\nc\rd\n\n\r\r\n";
  std::string want = "a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\n";
  LineEnds whole;
  EXPECT_EQ(whole.convert(text), want);
  LineEnds bytes;
  std::string got;
  for (char c : text) got += bytes.convert(std::string(1, c));
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace posthouse::app
