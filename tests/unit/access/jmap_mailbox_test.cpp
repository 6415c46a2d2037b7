// Mailboxes and conversations by JMAP (RFC 8621 sections 2 and 3).
#include <gmock/gmock.h>

#include "unit/access/jmap_house.h"

namespace posthouse::access::jmap {
namespace {

using store::kSeen;
using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;

class JmapMailbox : public JmapHouse {
 protected:
  json::object get(const std::string& name) {
    return call("Mailbox/get", R"({"accountId":"$A","ids":[")" + mailbox_id(name) + "\"]}")
        .at("list")
        .at(0)
        .as_object();
  }
  std::string state() {
    return std::string(call("Mailbox/get", R"({"accountId":"$A","ids":[]})").at("state").as_string());
  }
  json::object set(const std::string& what) {
    return call("Mailbox/set", R"({"accountId":"$A",)" + what + "}");
  }
  std::string create(const std::string& object) {
    const json::object done = set(R"("create":{"k":)" + object + "}");
    EXPECT_TRUE(done.at("notCreated").is_null()) << json::serialize(done);
    return std::string(done.at("created").at("k").at("id").as_string());
  }
  // Why it was not done: "type" and the properties.
  static std::string why(const json::object& done, const std::string& list, const std::string& key) {
    const json::object& error = done.at(list).at(key).as_object();
    std::string out(error.at("type").as_string());
    if (const json::value* names = error.if_contains("properties")) out += json::serialize(*names);
    return out;
  }
  std::vector<std::string> query(const std::string& rest) {
    std::vector<std::string> names;
    const json::object found = call("Mailbox/query", R"({"accountId":"$A")" + rest + "}");
    for (const json::value& id : found.at("ids").as_array()) {
      const auto mailbox = parse_mailbox_id(std::string_view(id.as_string()));
      names.push_back(must(store_.mailbox(kAlice, *mailbox)).name);
    }
    return names;
  }
};

TEST_F(JmapMailbox, WhatTheyAre) {
  letter("INBOX", "a");
  letter("INBOX", "b", "a", kSeen);
  letter("Trash", "c", "a");
  const json::object inbox = get("INBOX");
  EXPECT_EQ(inbox.at("name"), "Inbox");
  EXPECT_EQ(inbox.at("role"), "inbox");
  EXPECT_TRUE(inbox.at("parentId").is_null());
  EXPECT_EQ(inbox.at("totalEmails"), 2);
  EXPECT_EQ(inbox.at("unreadEmails"), 1);
  EXPECT_EQ(inbox.at("totalThreads"), 1);
  EXPECT_EQ(inbox.at("unreadThreads"), 1);
  EXPECT_EQ(inbox.at("myRights").at("mayDelete"), false);
  EXPECT_EQ(inbox.at("isSubscribed"), true);
  EXPECT_EQ(get("Trash").at("unreadThreads"), 1);
  const json::object all = call("Mailbox/get", R"({"accountId":"$A","ids":null,"properties":["role"]})");
  EXPECT_EQ(all.at("list").as_array().size(), 6u);
  EXPECT_EQ(all.at("list").at(0).as_object().size(), 2u);
  const json::object none = call("Mailbox/get", R"({"accountId":"$A","ids":["F99","x","F0"]})");
  EXPECT_EQ(json::serialize(none.at("notFound")), R"(["F99","x","F0"])");
}

TEST_F(JmapMailbox, WrongArguments) {
  for (const char* wrong :
       {R"({})", R"({"accountId":1})", R"({"accountId":"$A","ids":"F1"})", R"({"accountId":"$A","ids":[1]})",
        R"({"accountId":"$A","properties":["colour"]})", R"({"accountId":"$A","more":1})"})
    EXPECT_EQ(call("Mailbox/get", wrong).at("type"), "invalidArguments") << wrong;
  EXPECT_EQ(call("Mailbox/get", R"({"accountId":"A2"})").at("type"), "accountNotFound");
  EXPECT_EQ(call("Mailbox/changes", R"({"accountId":"$A","sinceState":"x"})").at("type"),
            "cannotCalculateChanges");
  EXPECT_EQ(call("Mailbox/changes", R"({"accountId":"$A"})").at("type"), "invalidArguments");
}

TEST_F(JmapMailbox, Changes) {
  const std::string before = state();
  letter("Archive", "a");
  const json::object counts = call("Mailbox/changes", R"({"accountId":"$A","sinceState":")" + before + "\"}");
  EXPECT_EQ(json::serialize(counts.at("updated")), "[\"" + mailbox_id("Archive") + "\"]");
  EXPECT_EQ(counts.at("updatedProperties").as_array().size(), 4u);
  EXPECT_EQ(text(counts.at("newState")), state());
  const std::string made = create(R"({"name":"new"})");
  set(R"("update":{")" + mailbox_id("Archive") + R"(":{"sortOrder":7}})");
  const json::object more = call("Mailbox/changes", json::object{{"sinceState", counts.at("newState")}});
  EXPECT_EQ(json::serialize(more.at("created")), "[\"" + made + "\"]");
  EXPECT_EQ(json::serialize(more.at("updated")), "[\"" + mailbox_id("Archive") + "\"]");
  EXPECT_TRUE(more.at("updatedProperties").is_null());
  set(R"("destroy":[")" + made + "\"]");
  const json::object gone = call("Mailbox/changes", json::object{{"sinceState", more.at("newState")}});
  EXPECT_EQ(json::serialize(gone.at("destroyed")), "[\"" + made + "\"]");
  EXPECT_EQ(call("Mailbox/changes", json::object{{"sinceState", before}, {"maxChanges", 0}}).at("type"),
            "invalidArguments");
}

TEST_F(JmapMailbox, AreMade) {
  const json::object done = set(
      R"("create":{"b":{"name":"Böxes","parentId":"#a"},"a":{"name":"Post","sortOrder":3,"isSubscribed":false},)"
      R"("c":{"name":"All","role":"important"}})");
  EXPECT_TRUE(done.at("notCreated").is_null()) << json::serialize(done);
  EXPECT_THAT(mailbox_names(), IsSupersetOf({"Post", "Post/Böxes", "All"}));
  EXPECT_EQ(text(get("Post/Böxes").at("parentId")), mailbox_id("Post"));
  EXPECT_EQ(get("Post/Böxes").at("name"), "Böxes");
  EXPECT_EQ(get("Post/Böxes").at("isSubscribed"), true);
  EXPECT_EQ(get("Post").at("isSubscribed"), false);
  EXPECT_EQ(get("Post").at("sortOrder"), 3);
  EXPECT_EQ(get("All").at("role"), "important");
  // What the client has not said is told.
  const json::object& told = done.at("created").at("a").as_object();
  EXPECT_TRUE(told.contains("myRights") && told.contains("role") && !told.contains("name"));
}

TEST_F(JmapMailbox, AreNotMade) {
  const json::object done =
      set(R"("create":{"none":{},"empty":{"name":""},"slash":{"name":"a/b"},)"
          R"("line":{"name":"a\nb"},"same":{"name":"Sent"},"inbox":{"name":"iNbOx"},)"
          R"("parent":{"name":"x","parentId":"F99"},"unknown":{"name":"x","parentId":"#z"},)"
          R"("role":{"name":"x","role":"sent"},"strange":{"name":"x","role":"flagged"},)"
          R"("order":{"name":"x","sortOrder":-1},"id":{"name":"x","id":"F1"},)"
          R"("other":{"name":"x","colour":1}})");
  EXPECT_TRUE(done.at("created").is_null());
  for (const char* key : {"none", "empty", "slash", "line", "same", "inbox"})
    EXPECT_EQ(why(done, "notCreated", key), R"(invalidProperties["name"])") << key;
  for (const char* key : {"parent", "unknown"})
    EXPECT_EQ(why(done, "notCreated", key), R"(invalidProperties["parentId"])") << key;
  for (const char* key : {"role", "strange"})
    EXPECT_EQ(why(done, "notCreated", key), R"(invalidProperties["role"])") << key;
  EXPECT_EQ(why(done, "notCreated", "order"), R"(invalidProperties["sortOrder"])");
  EXPECT_EQ(why(done, "notCreated", "id"), R"(invalidProperties["id"])");
  EXPECT_EQ(why(done, "notCreated", "other"), R"(invalidProperties["colour"])");
}

TEST_F(JmapMailbox, AreChanged) {
  const std::string a = create(R"({"name":"a"})"), b = create(R"({"name":"b","parentId":")" + a + "\"}");
  letter("a/b", "x");
  const json::object moved =
      set(R"("update":{")" + b + R"(":{"name":"c","parentId":null,"role":"important"}})");
  EXPECT_TRUE(moved.at("notUpdated").is_null()) << json::serialize(moved);
  EXPECT_EQ(text(get("c").at("id")), b);
  EXPECT_EQ(get("c").at("totalEmails"), 1);
  EXPECT_EQ(get("c").at("role"), "important");
  EXPECT_THAT(mailbox_names(), Not(Contains("a/b")));
  // A whole object may come back as it is.
  json::object whole = get("c");
  whole["sortOrder"] = 9;
  const json::object same = call("Mailbox/set", json::object{{"update", json::object{{b, whole}}}});
  EXPECT_TRUE(same.at("notUpdated").is_null()) << json::serialize(same);
  EXPECT_EQ(get("c").at("sortOrder"), 9);
  whole["totalEmails"] = 5;
  EXPECT_EQ(why(call("Mailbox/set", json::object{{"update", json::object{{b, whole}}}}), "notUpdated", b),
            R"(invalidProperties["totalEmails"])");
  EXPECT_EQ(why(set(R"("update":{"F99":{"name":"z"}})"), "notUpdated", "F99"), "notFound");
}

TEST_F(JmapMailbox, NoLoopsAndTheInboxStays) {
  const std::string a = create(R"({"name":"a"})"), b = create(R"({"name":"b","parentId":")" + a + "\"}");
  EXPECT_EQ(why(set(R"("update":{")" + a + R"(":{"parentId":")" + b + "\"}}"), "notUpdated", a),
            R"(invalidProperties["parentId"])");
  EXPECT_EQ(why(set(R"("update":{")" + a + R"(":{"parentId":")" + a + "\"}}"), "notUpdated", a),
            R"(invalidProperties["parentId"])");
  const std::string inbox = mailbox_id("INBOX");
  EXPECT_EQ(why(set(R"("update":{")" + inbox + R"(":{"name":"x","role":null}})"), "notUpdated", inbox),
            R"(invalidProperties["name","role"])");
  EXPECT_EQ(why(set(R"("destroy":[")" + inbox + "\"]"), "notDestroyed", inbox), "forbidden");
}

// Only the end has to be possible (RFC 8620 section 5.3).
TEST_F(JmapMailbox, NamesAreExchanged) {
  const std::string a = create(R"({"name":"a"})"), b = create(R"({"name":"b"})");
  const json::object done = set(R"("update":{")" + a + R"(":{"name":"b"},")" + b + R"(":{"name":"a"}})");
  EXPECT_TRUE(done.at("notUpdated").is_null()) << json::serialize(done);
  EXPECT_EQ(mailbox_id("a"), b);
  EXPECT_EQ(mailbox_id("b"), a);
  // One that can't be leaves everything as it was.
  const json::object not_done =
      set(R"("update":{")" + a + R"(":{"name":"Sent"},")" + b + R"(":{"name":"Trash"}})");
  EXPECT_EQ(not_done.at("notUpdated").as_object().size(), 2u);
  EXPECT_EQ(mailbox_id("a"), b);
  EXPECT_EQ(mailbox_id("b"), a);
}

TEST_F(JmapMailbox, AreDestroyed) {
  const std::string a = create(R"({"name":"a"})"), b = create(R"({"name":"b","parentId":")" + a + "\"}");
  const std::string letter_id = letter("a/b", "x");
  EXPECT_EQ(why(set(R"("destroy":[")" + a + "\"]"), "notDestroyed", a), "mailboxHasChild");
  EXPECT_EQ(why(set(R"("destroy":[")" + b + "\"]"), "notDestroyed", b), "mailboxHasEmail");
  EXPECT_EQ(why(set(R"("destroy":["F99"])"), "notDestroyed", "F99"), "notFound");
  const json::object done = set(R"("onDestroyRemoveEmails":true,"destroy":[")" + a + "\",\"" + b + "\"]");
  EXPECT_EQ(done.at("destroyed").as_array().size(), 2u) << json::serialize(done);
  EXPECT_THAT(mailbox_names(), Not(Contains("a")));
  EXPECT_THAT(must(store_.subscriptions(kAlice)), Not(Contains("a/b")));
}

TEST_F(JmapMailbox, OnlyInTheStateThatIsExpected) {
  const std::string before = state();
  EXPECT_FALSE(call("Mailbox/set", json::object{{"ifInState", before}}).contains("type"));
  create(R"({"name":"a"})");
  EXPECT_EQ(call("Mailbox/set", json::object{{"ifInState", before}}).at("type"), "stateMismatch");
}

TEST_F(JmapMailbox, Queries) {
  const std::string b = create(R"({"name":"b","sortOrder":1})");
  create(R"({"name":"a","parentId":")" + b + "\"}");
  create(R"({"name":"C","isSubscribed":false})");
  const std::string by_name = R"(,"sort":[{"property":"name"}])";
  EXPECT_THAT(query(by_name),
              ElementsAre("b/a", "Archive", "b", "C", "Drafts", "INBOX", "Junk", "Sent", "Trash"));
  EXPECT_THAT(query(by_name + R"(,"sortAsTree":true)"),
              ElementsAre("Archive", "b", "b/a", "C", "Drafts", "INBOX", "Junk", "Sent", "Trash"));
  EXPECT_THAT(query(by_name + R"(,"filter":{"hasAnyRole":false})"), ElementsAre("b/a", "b", "C"));
  EXPECT_THAT(query(by_name + R"(,"filter":{"role":"sent"})"), ElementsAre("Sent"));
  EXPECT_THAT(query(by_name + R"(,"filter":{"parentId":")" + b + "\"}"), ElementsAre("b/a"));
  EXPECT_THAT(query(by_name + R"(,"filter":{"name":"A"})"), ElementsAre("b/a", "Archive", "Drafts", "Trash"));
  EXPECT_THAT(query(by_name + R"(,"filter":{"name":"a"},"filterAsTree":true)"),
              ElementsAre("Archive", "Drafts", "Trash"));
  EXPECT_THAT(
      query(by_name +
            R"(,"filter":{"operator":"NOT","conditions":[{"hasAnyRole":true},{"isSubscribed":false}]})"),
      ElementsAre("b/a", "b"));
  EXPECT_THAT(
      query(R"(,"sort":[{"property":"sortOrder","isAscending":false},{"property":"name"}],"limit":2)"),
      ElementsAre("b", "b/a"));
  EXPECT_THAT(query(by_name + R"(,"position":-2)"), ElementsAre("Sent", "Trash"));
  EXPECT_THAT(query(by_name + R"(,"anchorOffset":-1,"limit":2,"anchor":")" + b + "\""),
              ElementsAre("Archive", "b"));
  const json::object total =
      call("Mailbox/query", R"({"accountId":"$A","calculateTotal":true,"limit":1,"position":50})");
  EXPECT_EQ(total.at("total"), 9);
  EXPECT_EQ(total.at("ids").as_array().size(), 0u);
}

TEST_F(JmapMailbox, QueriesThatCannotBe) {
  const auto type = [&](const std::string& rest) {
    return std::string(call("Mailbox/query", R"({"accountId":"$A",)" + rest + "}").at("type").as_string());
  };
  EXPECT_EQ(type(R"("filter":{"colour":"red"})"), "unsupportedFilter");
  EXPECT_EQ(type(R"("filter":{"operator":"XOR","conditions":[]})"), "invalidArguments");
  EXPECT_EQ(type(R"("sort":[{"property":"colour"}])"), "unsupportedSort");
  EXPECT_EQ(type(R"("sort":[{"property":"name","collation":"i;other"}])"), "unsupportedSort");
  EXPECT_EQ(type(R"("anchor":"F99")"), "anchorNotFound");
  EXPECT_EQ(type(R"("limit":-1)"), "invalidArguments");
  std::string deep = "{}";
  for (int i = 0; i < 20; ++i) deep = R"({"operator":"AND","conditions":[)" + deep + "]}";
  EXPECT_EQ(type("\"filter\":" + deep), "unsupportedFilter");
}

TEST_F(JmapMailbox, QueryChanges) {
  const std::string rest = R"({"accountId":"$A","filter":{"hasAnyRole":false},"sort":[{"property":"name"}])";
  const std::string a = create(R"({"name":"a"})"), c = create(R"({"name":"c"})");
  const json::object old = call("Mailbox/query", rest + "}");
  EXPECT_EQ(old.at("canCalculateChanges"), true);
  const std::string since = ",\"sinceQueryState\":\"" + text(old.at("queryState")) + "\"}";
  const std::string b = create(R"({"name":"b"})");
  set(R"("destroy":[")" + c + R"("],"update":{")" + a + R"(":{"name":"z"}})");
  const json::object changes = call("Mailbox/queryChanges", rest + since);
  EXPECT_EQ(json::serialize(changes.at("removed")), json::serialize(json::array{a, c}));
  EXPECT_EQ(json::serialize(changes.at("added")),
            json::serialize(
                json::array{json::object{{"id", b}, {"index", 0}}, json::object{{"id", a}, {"index", 1}}}));
  EXPECT_EQ(call("Mailbox/queryChanges", rest + ",\"maxChanges\":1" + since).at("type"), "tooManyChanges");
  EXPECT_EQ(call("Mailbox/queryChanges", rest + R"(,"sinceQueryState":"x"})").at("type"),
            "cannotCalculateChanges");
}

TEST_F(JmapMailbox, Conversations) {
  const std::string a = letter("INBOX", "a"), b = letter("Sent", "b", "a"), other = letter("INBOX", "c");
  const json::object all = call("Thread/get", R"({"accountId":"$A","ids":null})");
  ASSERT_EQ(all.at("list").as_array().size(), 2u);
  const json::value& first = all.at("list").at(0);
  EXPECT_EQ(json::serialize(first.at("emailIds")), json::serialize(json::array{a, b}));
  const std::string id(first.at("id").as_string());
  const json::object one = call("Thread/get", R"({"accountId":"$A","ids":[")" + id + R"(","T0","x"]})");
  EXPECT_EQ(one.at("list").at(0), first);
  EXPECT_EQ(json::serialize(one.at("notFound")), R"(["T0","x"])");
  const std::string since(one.at("state").as_string());
  const std::string c = letter("INBOX", "d", "a");
  const json::object changes = call("Thread/changes", R"({"accountId":"$A","sinceState":")" + since + "\"}");
  EXPECT_EQ(json::serialize(changes.at("updated")), "[\"" + id + "\"]");
  const json::object emails = call("Email/changes", R"({"accountId":"$A","sinceState":")" + since + "\"}");
  EXPECT_EQ(json::serialize(emails.at("created")), "[\"" + c + "\"]");
}

// Changes come in pages, each of which is a state.
TEST_F(JmapMailbox, ChangesOfEmailsInPages) {
  const std::string start(
      call("Email/changes", json::object{{"sinceState", state()}}).at("newState").as_string());
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(letter("INBOX", "m" + std::to_string(i)));
  std::string at = start;
  std::vector<std::string> told;
  for (int page = 0; page < 10; ++page) {
    const json::object changes = call("Email/changes", json::object{{"sinceState", at}, {"maxChanges", 2}});
    for (const json::value& id : changes.at("created").as_array()) told.emplace_back(id.as_string());
    at = text(changes.at("newState"));
    if (!changes.at("hasMoreChanges").as_bool()) break;
  }
  EXPECT_THAT(told, testing::UnorderedElementsAreArray(made));
  EXPECT_EQ(at, state());
}

}  // namespace
}  // namespace posthouse::access::jmap
