// Letters are changed, made and brought in by JMAP (RFC 8621 sections 4.6 and 4.8).
#include <gmock/gmock.h>

#include "access/jmap/letters.h"
#include "unit/access/jmap_house.h"

namespace posthouse::access::jmap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class JmapEmailSet : public JmapHouse {
 protected:
  json::object set(const std::string& what) {
    return call("Email/set", R"({"accountId":"$A",)" + what + "}");
  }
  json::object update(const std::string& id, const std::string& patch) {
    return set(R"("update":{")" + id + "\":" + patch + "}");
  }
  static std::string why(const json::object& done, const std::string& list, const std::string& key) {
    const json::object& error = done.at(list).at(key).as_object();
    std::string out = text(error.at("type"));
    if (const json::value* names = error.if_contains("properties")) out += json::serialize(*names);
    return out;
  }
  json::object get(const std::string& id, const std::string& properties) {
    const json::object all = call("Email/get", R"({"accountId":"$A","fetchAllBodyValues":true,"ids":[")" +
                                                   id + R"("],"properties":)" + properties + "}");
    return all.at("list").at(0).as_object();
  }
  std::string property(const std::string& id, const std::string& name) {
    return json::serialize(get(id, "[\"" + name + "\"]").at(name));
  }
  std::string create(const std::string& email) {
    const json::object done = set(R"("create":{"k":)" + email + "}");
    if (!done.at("notCreated").is_null()) return json::serialize(done.at("notCreated").at("k"));
    return text(done.at("created").at("k").at("id"));
  }
  // All octets of a letter.
  std::string octets(const std::string& id) {
    must(catalog_.refresh(kAlice));
    const auto letters = must(read_letters(services_, kAlice, {*parse_email_id(id)}, false));
    return must(store_.read(kAlice, letters.at(0).entry(), 0, letters.at(0).entry().size));
  }
  std::string in(const std::string& mailbox_name) {
    return R"("mailboxIds":{")" + mailbox_id(mailbox_name) + R"(":true})";
  }
};

TEST_F(JmapEmailSet, Keywords) {
  const std::string id = letter("INBOX", "a");
  EXPECT_TRUE(update(id, R"({"keywords":{"$Seen":true,"Work":true}})").at("notUpdated").is_null());
  EXPECT_EQ(property(id, "keywords"), R"({"$seen":true,"work":true})");
  EXPECT_TRUE(update(id, R"({"keywords/$flagged":true,"keywords/work":null})").at("notUpdated").is_null());
  EXPECT_EQ(property(id, "keywords"), R"({"$flagged":true,"$seen":true})");
  EXPECT_TRUE(update(id, R"({"keywords":{}})").at("notUpdated").is_null());
  EXPECT_EQ(property(id, "keywords"), "{}");
  for (const char* wrong : {R"({"keywords":{"a b":true}})", R"({"keywords":{"a":false}})",
                            R"({"keywords/a":1})", R"({"keywords":[]})", R"({"keywords/(":true})"})
    EXPECT_THAT(why(update(id, wrong), "notUpdated", id), HasSubstr("invalidProperties")) << wrong;
  EXPECT_EQ(why(update(id, R"({"keywords":{},"keywords/a":true})"), "notUpdated", id), "invalidPatch");
  std::string many;
  for (int i = 0; i < 200; ++i) many += fmt::format("{}\"k{}\":true", i == 0 ? "" : ",", i);
  EXPECT_EQ(why(update(id, "{\"keywords\":{" + many + "}}"), "notUpdated", id), "tooManyKeywords");
}

TEST_F(JmapEmailSet, Mailboxes) {
  const std::string id = letter("INBOX", "a", "", store::kFlagged);
  const std::string inbox = mailbox_id("INBOX"), archive = mailbox_id("Archive"), trash = mailbox_id("Trash");
  EXPECT_TRUE(update(id, "{" + in("Archive") + "}").at("notUpdated").is_null());
  EXPECT_EQ(property(id, "mailboxIds"), "{\"" + archive + "\":true}");
  EXPECT_TRUE(
      update(id, R"({"mailboxIds/)" + inbox + R"(":true,"keywords/$seen":true})").at("notUpdated").is_null());
  EXPECT_EQ(property(id, "mailboxIds"), "{\"" + inbox + "\":true,\"" + archive + "\":true}");
  EXPECT_EQ(property(id, "keywords"), R"({"$flagged":true,"$seen":true})");  // of both copies
  EXPECT_TRUE(update(id, R"({"mailboxIds/)" + inbox + R"(":null,"mailboxIds/)" + trash +
                             R"(":true,"mailboxIds/)" + archive + "\":null}")
                  .at("notUpdated")
                  .is_null());
  EXPECT_EQ(property(id, "mailboxIds"), "{\"" + trash + "\":true}");
  EXPECT_EQ(why(update(id, R"({"mailboxIds/)" + trash + "\":null}"), "notUpdated", id),
            R"(invalidProperties["mailboxIds"])");
  EXPECT_EQ(why(update(id, R"({"mailboxIds":{}})"), "notUpdated", id), R"(invalidProperties["mailboxIds"])");
  EXPECT_EQ(why(update(id, R"({"mailboxIds":{"F99":true}})"), "notUpdated", id),
            R"(invalidProperties["mailboxIds"])");
  EXPECT_EQ(why(update(id, R"({"subject":"other"})"), "notUpdated", id), R"(invalidProperties["subject"])");
  EXPECT_EQ(why(update("M0000000000000", "{}"), "notUpdated", "M0000000000000"), "notFound");
}

TEST_F(JmapEmailSet, ManyAtOnce) {
  std::string updates, ids;
  for (int i = 0; i < 30; ++i) {
    const std::string id = letter("INBOX", "m" + std::to_string(i));
    updates += (i == 0 ? "\"" : ",\"") + id + "\":{" + in(i % 2 == 0 ? "Archive" : "Trash") +
               ",\"keywords/$seen\":true}";
  }
  const json::object done = set("\"update\":{" + updates + "}");
  EXPECT_EQ(done.at("updated").as_object().size(), 30u) << json::serialize(done.at("notUpdated"));
  EXPECT_EQ(must(store_.mailbox(kAlice, "Archive")).exists, 15u);
  EXPECT_EQ(must(store_.mailbox(kAlice, "Trash")).unseen, 0u);
  EXPECT_EQ(must(store_.mailbox(kAlice, "INBOX")).exists, 0u);
}

TEST_F(JmapEmailSet, Destroyed) {
  const std::string a = letter("INBOX", "a"), b = letter("INBOX", "b");
  must(store_.copy(kAlice, mailbox("INBOX"), {1}, "Archive", store::Quota()));
  const json::object done = set(R"("update":{")" + a + R"(":{"keywords/$seen":true}},"destroy":[")" + a +
                                "\",\"" + a + R"(","x"])");
  EXPECT_EQ(json::serialize(done.at("destroyed")), "[\"" + a + "\"]");
  EXPECT_EQ(why(done, "notUpdated", a), "willDestroy");
  EXPECT_EQ(why(done, "notDestroyed", "x"), "notFound");
  EXPECT_EQ(why(done, "notDestroyed", a), "notFound");  // the second time
  EXPECT_EQ(must(store_.mailbox(kAlice, "Archive")).exists, 0u);
  EXPECT_EQ(must(store_.mailbox(kAlice, "INBOX")).exists, 1u);
  EXPECT_NE(text(done.at("oldState")), text(done.at("newState")));
  EXPECT_EQ(call("Email/set", json::object{{"ifInState", done.at("oldState")}}).at("type"), "stateMismatch");
}

TEST_F(JmapEmailSet, ADraft) {
  const std::string id = create(
      "{" + in("Drafts") +
      R"(,"keywords":{"$draft":true,"$seen":true},"from":[{"name":"Jürgen","email":"alice@example.test"}],)"
      R"("to":[{"name":null,"email":"bob@x.test"},{"name":"A, B","email":"not an address"}],"subject":"Grüße",)"
      R"("inReplyTo":["a@x"],"header:X-Own:asText":"ä","header:X-Raw":" raw","sentAt":"2014-10-30T14:12:00+08:00",)"
      R"("textBody":[{"partId":"t","type":"text/plain"}],"htmlBody":[{"partId":"h","type":"text/html"}],)"
      R"("bodyValues":{"t":{"value":"Hällo\nthere"},"h":{"value":"<b>Hi</b>"}}})");
  const std::string all = octets(id);
  EXPECT_THAT(all, HasSubstr("\r\nMessage-ID: <"));
  EXPECT_THAT(all, HasSubstr("@example.test>\r\n"));
  EXPECT_EQ(all.find("Hällo"), std::string::npos);  // coded
  for (size_t at = 0; (at = all.find('\n', at)) != std::string::npos; ++at) ASSERT_EQ(all[at - 1], '\r');
  EXPECT_EQ(property(id, "subject"), R"("Grüße")");
  EXPECT_EQ(property(id, "from"), R"([{"name":"Jürgen","email":"alice@example.test"}])");
  EXPECT_EQ(property(id, "sentAt"), R"("2014-10-30T14:12:00+08:00")");
  EXPECT_EQ(property(id, "inReplyTo"), R"(["a@x"])");
  EXPECT_EQ(property(id, "header:X-Own:asText"), R"("ä")");
  EXPECT_EQ(property(id, "keywords"), R"({"$draft":true,"$seen":true})");
  const json::object parts = get(id, R"(["textBody","htmlBody","bodyValues","to"])");
  EXPECT_EQ(parts.at("bodyValues").at("1").at("value"), "Hällo\nthere");
  EXPECT_EQ(parts.at("bodyValues").at("2").at("value"), "<b>Hi</b>");
  EXPECT_EQ(parts.at("to").at(0).at("email"), "bob@x.test");
  EXPECT_EQ(parts.at("to").at(1).at("name"), "A, B");
}

TEST_F(JmapEmailSet, Attachments) {
  const std::string first = deliver("INBOX",
                                    "Subject: x\r\nContent-Type: application/octet-stream\r\n"
                                    "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29ybGQ=\r\n");
  const std::string blob = "B" + first.substr(1);
  const std::string id =
      create("{" + in("Drafts") +
             R"(,"subject":"with","textBody":[{"partId":"t"}],"bodyValues":{"t":{"value":"see"}},)"
             R"("attachments":[{"blobId":")" +
             blob +
             R"(-1","type":"image/png","name":"ä.png","cid":"c@x","disposition":"attachment"},)"
             R"({"blobId":")" +
             blob + R"(","type":"message/rfc822"}]})");
  const json::object all = get(id, R"(["attachments","bodyStructure"])");
  ASSERT_EQ(all.at("attachments").as_array().size(), 2u) << octets(id);
  const json::value& picture = all.at("attachments").at(0);
  EXPECT_EQ(picture.at("name"), "ä.png");
  EXPECT_EQ(picture.at("size"), 11);
  EXPECT_EQ(picture.at("cid"), "c@x");
  EXPECT_EQ(picture.at("disposition"), "attachment");
  EXPECT_EQ(all.at("attachments").at(1).at("type"), "message/rfc822");
  EXPECT_THAT(octets(id), HasSubstr("aGVsbG8gd29ybGQ="));
  const json::object missing = set(R"("create":{"k":{)" + in("Drafts") +
                                   R"(,"attachments":[{"blobId":"B0000000000000"},{"blobId":"x"}]}})");
  EXPECT_EQ(why(missing, "notCreated", "k"), "blobNotFound");
  EXPECT_EQ(json::serialize(missing.at("notCreated").at("k").at("notFound")), R"(["B0000000000000","x"])");
}

TEST_F(JmapEmailSet, Structure) {
  const std::string id =
      create("{" + in("Drafts") +
             R"(,"bodyStructure":{"type":"multipart/related","subParts":[{"partId":"h","type":"text/html",)"
             R"("header:Content-Language":" de"},{"type":"multipart/mixed","subParts":[{"partId":"t"}]}]},)"
             R"("bodyValues":{"h":{"value":"<p>"},"t":{"value":"t","isTruncated":false}}})");
  const json::object structure = get(id, R"(["bodyStructure","bodyValues"])");
  EXPECT_EQ(structure.at("bodyValues").at("2.1").at("value"), "t") << octets(id);
  EXPECT_EQ(structure.at("bodyValues").at("1").at("value"), "<p>");
}

TEST_F(JmapEmailSet, WhatCannotBeMade) {
  const auto wrong = [&](const std::string& rest) { return create("{" + in("Drafts") + rest + "}"); };
  for (
      const char* rest :
      {R"(,"headers":[])",
       R"(,"id":"x")",
       R"(,"from":1)",
       R"(,"from":[{"name":"x"}])",
       R"(,"subject":5)",
       R"(,"subject":"a","header:subject":"b")",
       R"(,"header:Content-Type":"x")",
       R"(,"header:From:asDate":"x")",
       R"(,"sentAt":"yesterday")",
       R"(,"messageId":["a b"])",
       R"(,"textBody":[])",
       R"(,"textBody":[{"partId":"t"}])",
       R"(,"textBody":[{"partId":"t","type":"text/html"}],"bodyValues":{"t":{"value":"x"}})",
       R"(,"textBody":[{"partId":"t","charset":"utf-8"}],"bodyValues":{"t":{"value":"x"}})",
       R"(,"textBody":[{"partId":"t"}],"bodyValues":{"t":{"value":"x","isTruncated":true}})",
       R"(,"bodyStructure":{"partId":"t"},"textBody":[{"partId":"t"}],"bodyValues":{"t":{"value":"x"}})",
       R"(,"bodyStructure":{"type":"multipart/mixed"})",
       R"(,"bodyStructure":{"partId":"t","type":"a b/c"})",
       R"(,"attachments":[{"blobId":"x","partId":"t"}])",
       R"(,"attachments":[{"blobId":"x","type":"a/b","disposition":"a;b"}])",
       R"(,"keywords":{"a b":true})",
       R"(,"receivedAt":"now")",
       R"(,"bodyStructure":{"partId":"t","header:Content-Transfer-Encoding":"8bit"},"bodyValues":{"t":{"value":"x"}})"})
    EXPECT_THAT(wrong(rest), HasSubstr("invalidProperties")) << rest;
  EXPECT_THAT(create(R"({"subject":"nowhere"})"), HasSubstr("mailboxIds"));
  EXPECT_THAT(create(R"({"mailboxIds":{}})"), HasSubstr("mailboxIds"));
  EXPECT_EQ(must(store_.mailbox(kAlice, "Drafts")).exists, 0u);
}

// Nothing that a client says can begin a field or a part of its own.
TEST_F(JmapEmailSet, NothingIsInjected) {
  const std::string id = create(
      "{" + in("Drafts") +
      R"(,"subject":"a\r\nBcc: evil@x.test","header:X-Raw":"a\r\nBcc: evil@x.test",)"
      R"("from":[{"name":"a\r\nBcc: evil@x.test","email":"a@x.test\r\nBcc: evil@x.test"}],)"
      R"("attachments":[{"partId":"t","type":"text/plain","name":"a\"\r\nBcc: evil@x.test","cid":"c>\r\nBcc: evil@x.test",)"
      R"("location":"l\r\nBcc: evil@x.test"}],"bodyValues":{"t":{"value":"body"}}})");
  EXPECT_THAT(octets(id), Not(HasSubstr("\r\nBcc")));
  EXPECT_EQ(property(id, "bcc"), "null");
}

TEST_F(JmapEmailSet, MadeAndUsedInOneRequest) {
  const json::array responses = calls(
      R"([["Mailbox/set",{"accountId":"$A","create":{"m":{"name":"New"}}},"0"],)"
      R"(["Email/set",{"accountId":"$A","create":{"e":{"mailboxIds":{"#m":true},"subject":"hi"}}},"1"],)"
      R"(["Email/set",{"accountId":"$A","update":{"#e":{"keywords/$seen":true}}},"2"],)"
      R"(["Email/get",{"accountId":"$A","ids":["#e"],"properties":["keywords","mailboxIds"]},"3"]])");
  const json::value& letter = responses.at(3).at(1).at("list").at(0);
  EXPECT_EQ(json::serialize(letter.at("keywords")), R"({"$seen":true})");
  EXPECT_EQ(json::serialize(letter.at("mailboxIds")), "{\"" + mailbox_id("New") + "\":true}");
}

TEST_F(JmapEmailSet, InSeveralMailboxesFromTheStart) {
  const std::string id = create(R"({"mailboxIds":{")" + mailbox_id("INBOX") + R"(":true,")" +
                                mailbox_id("Archive") + R"(":true},"subject":"x"})");
  EXPECT_EQ(get(id, R"(["mailboxIds"])").at("mailboxIds").as_object().size(), 2u);
}

TEST_F(JmapEmailSet, Import) {
  const std::string outer =
      deliver("INBOX", "Subject: outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n");
  const std::string blob = "B" + outer.substr(1);
  const json::object done = call(
      "Email/import", R"({"accountId":"$A","emails":{"a":{"blobId":")" + blob + R"(-1",)" + in("Archive") +
                          R"(,"keywords":{"$seen":true},"receivedAt":"2014-10-30T06:12:00Z"},)"
                          R"("b":{"blobId":"B0000000000000",)" +
                          in("Archive") + R"(},"c":{"blobId":")" + blob + "\"}}}");
  ASSERT_FALSE(done.at("created").is_null()) << json::serialize(done);
  const std::string id = text(done.at("created").at("a").at("id"));
  EXPECT_EQ(property(id, "subject"), R"("inner")");
  EXPECT_EQ(property(id, "receivedAt"), R"("2014-10-30T06:12:00Z")");
  EXPECT_EQ(why(done, "notCreated", "b"), R"(invalidProperties["blobId"])");
  EXPECT_EQ(why(done, "notCreated", "c"), R"(invalidProperties["mailboxIds"])");
  EXPECT_FALSE(done.contains("updated"));
}

TEST_F(JmapEmailSet, NobodyTakesWhatIsNotHis) {
  const std::string id = letter("INBOX", "secret");
  caller_ = {kBob, "bob@example.test"};
  const std::string blob = "B" + id.substr(1);
  EXPECT_EQ(why(call("Email/import", R"({"accountId":"$A","emails":{"a":{"blobId":")" + blob +
                                         R"(","mailboxIds":{"F1":true}}}})"),
                "notCreated", "a"),
            R"(invalidProperties["blobId"])");
  EXPECT_EQ(why(update(id, R"({"keywords/$seen":true})"), "notUpdated", id), "notFound");
  EXPECT_EQ(call("Email/get", R"({"accountId":"A1","ids":[")" + id + "\"]}").at("type"), "accountNotFound");
}

}  // namespace
}  // namespace posthouse::access::jmap
