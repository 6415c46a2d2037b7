// Letters by JMAP: what they are and what is in them (RFC 8621 sections 4.1 and 4.2).
#include <gmock/gmock.h>

#include "access/jmap/body_value.h"
#include "access/jmap/utc_date.h"
#include "base/base64.h"
#include "unit/access/jmap_house.h"

namespace posthouse::access::jmap {
namespace {

using testing::HasSubstr;

class JmapEmailGet : public JmapHouse {
 protected:
  json::object get(const std::string& id, const std::string& rest) {
    const json::object response =
        call("Email/get", R"({"accountId":"$A","ids":[")" + id + "\"]" + rest + "}");
    if (response.contains("type")) return response;
    return response.at("list").at(0).as_object();
  }
  // One property of a letter, as JSON.
  std::string property(const std::string& letter, const std::string& name) {
    return json::serialize(get(deliver("INBOX", letter), ",\"properties\":[\"" + name + "\"]").at(name));
  }
  // "text", "html" and "attachments": the types and numbers of parts.
  std::string lists(const std::string& letter) {
    const json::object all = get(deliver("INBOX", letter), R"(,"bodyProperties":["partId","type"])");
    std::string out;
    for (const char* list : {"textBody", "htmlBody", "attachments"}) {
      for (const json::value& part : all.at(list).as_array())
        out += json::serialize(part.at("partId")) + " " + text(part.at("type")) + ";";
      out += "\n";
    }
    return out;
  }
  json::object value(const std::string& letter, const std::string& rest = "") {
    return get(deliver("INBOX", letter), R"(,"fetchAllBodyValues":true,"properties":["bodyValues"])" + rest)
        .at("bodyValues")
        .as_object();
  }
};

const std::string kMixed =
    "From: Ann <ann@far.test>\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; "
    "boundary=i\r\n\r\n"
    "--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello Ann\r\n"
    "--i\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>Hello</b> <i>Ann</i>\r\n--i--\r\n"
    "--o\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <pic@x>\r\n"
    "Content-Disposition: attachment; filename*=utf-8''%e2%82%ac.png\r\n\r\naGVsbG8=\r\n--o--\r\n";

TEST_F(JmapEmailGet, WhatTheStoreKnows) {
  const std::string id =
      deliver("INBOX", "Subject: x\r\n\r\nbody\r\n", store::kSeen | store::kFlagged, {"Work"});
  must(store_.copy(kAlice, mailbox("INBOX"), {1}, "Archive", store::Quota()));
  const json::object letter = get(id, "");
  EXPECT_EQ(text(letter.at("id")), id);
  EXPECT_EQ(text(letter.at("blobId")), "B" + id.substr(1));
  EXPECT_EQ(text(letter.at("threadId")), "T" + id.substr(1));
  EXPECT_EQ(letter.at("size"), 20);
  EXPECT_EQ(text(letter.at("receivedAt")), format_utc_date(clock_.now()));
  EXPECT_EQ(json::serialize(letter.at("keywords")), R"({"$flagged":true,"$seen":true,"work":true})");
  EXPECT_EQ(letter.at("mailboxIds").as_object().size(), 2u);
  // Nobody asked for anything: section 4.2 says what is told.
  EXPECT_EQ(letter.size(), 24u);
  EXPECT_FALSE(letter.contains("headers"));
}

TEST_F(JmapEmailGet, WhatIsNotThere) {
  const std::string id = letter("INBOX", "a");
  const json::object some = call("Email/get", R"({"accountId":"$A","properties":["id"],"ids":[")" + id +
                                                  R"(","M0000000000000","x",")" + id + "\"]}");
  EXPECT_EQ(json::serialize(some.at("notFound")), R"(["x","M0000000000000"])");
  EXPECT_EQ(some.at("list").as_array().size(), 1u);
  const json::object all = call("Email/get", R"({"accountId":"$A","properties":["id"],"ids":null})");
  EXPECT_EQ(all.at("list").as_array().size(), 1u);
  std::string many = "\"x\"";
  for (int i = 0; i < 1000; ++i) many += ",\"x\"";
  EXPECT_EQ(call("Email/get", R"({"accountId":"$A","ids":[)" + many + "]}").at("type"), "requestTooLarge");
}

// One that is marked \Deleted must not be seen (section 4.1.1).
TEST_F(JmapEmailGet, WhatIsMarkedDeleted) {
  const std::string id = deliver("INBOX", "Subject: x\r\n\r\n", store::kDeleted);
  const json::object all = call("Email/get", R"({"accountId":"$A","ids":[")" + id + "\"]}");
  EXPECT_EQ(all.at("list").as_array().size(), 0u);
}

TEST_F(JmapEmailGet, WrongArguments) {
  const std::string id = letter("INBOX", "a");
  for (const char* wrong :
       {R"(,"properties":["colour"])", R"(,"properties":["header:From:asDate"])",
        R"(,"properties":["header:"])", R"(,"properties":["header:X:all:asText"])",
        R"(,"properties":["header:X:asColour"])", R"(,"properties":["header:a b"])",
        R"(,"bodyProperties":["subject"])", R"(,"maxBodyValueBytes":-1)", R"(,"fetchTextBodyValues":1)"})
    EXPECT_EQ(get(id, wrong).at("type"), "invalidArguments") << wrong;
}

TEST_F(JmapEmailGet, Header) {
  const std::string letter =
      "From: =?utf-8?q?J=C3=BCrgen?= <j@x.test>, \"B, C\" <b@x.test>\r\nTo: Friends: a@x.test;\r\n"
      "Subject: =?utf-8?q?caf=C3=A9?=\r\n  folded\r\nDate: Thu, 30 Oct 2014 14:12:00 +0800\r\n"
      "Message-ID: <a@x>\r\nReferences: <b@x>\r\n <c@x>\r\nX-One: 1\r\nX-One:  two \r\nX-Raw: \xff\r\n"
      "List-Post: <mailto:l@x.test>\r\n\r\nbody\r\n";
  EXPECT_EQ(property(letter, "from"),
            R"([{"name":"Jürgen","email":"j@x.test"},{"name":"B, C","email":"b@x.test"}])");
  EXPECT_EQ(property(letter, "to"), R"([{"name":null,"email":"a@x.test"}])");
  EXPECT_EQ(property(letter, "cc"), "null");
  EXPECT_EQ(property(letter, "subject"), R"("café  folded")");
  EXPECT_EQ(property(letter, "sentAt"), R"("2014-10-30T14:12:00+08:00")");
  EXPECT_EQ(property(letter, "messageId"), R"(["a@x"])");
  EXPECT_EQ(property(letter, "references"), R"(["b@x","c@x"])");
  EXPECT_EQ(property(letter, "header:x-one"), R"("  two ")");
  EXPECT_EQ(property(letter, "header:X-One:asText:all"), R"(["1","two"])");
  EXPECT_EQ(property(letter, "header:X-None:all"), "[]");
  EXPECT_EQ(property(letter, "header:X-None"), "null");
  EXPECT_EQ(property(letter, "header:X-Raw"), "\" \xef\xbf\xbd\"");
  EXPECT_EQ(property(letter, "header:List-Post:asURLs"), R"(["mailto:l@x.test"])");
  EXPECT_EQ(property(letter, "header:To:asGroupedAddresses"),
            R"([{"name":"Friends","addresses":[{"name":null,"email":"a@x.test"}]}])");
  EXPECT_EQ(property("A: 1\r\nb:2\r\n\r\n", "headers"),
            R"([{"name":"A","value":" 1"},{"name":"b","value":"2"}])");
}

TEST_F(JmapEmailGet, Parts) {
  EXPECT_EQ(lists(kMixed), "\"1.1\" text/plain;\n\"1.2\" text/html;\n\"2\" image/png;\n");
  EXPECT_EQ(lists("\r\nonly text\r\n"), "\"1\" text/plain;\n\"1\" text/plain;\n\n");
  EXPECT_EQ(lists("Content-Type: multipart/mixed; boundary=b\r\n\r\nno such boundary\r\n"), "\n\n\n");
  EXPECT_EQ(lists("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n"),
            "\n\n\"1\" message/rfc822;\n");
  const std::string id = deliver("INBOX", kMixed);
  const json::object all = get(
      id,
      R"(,"properties":["bodyStructure","hasAttachment"],"bodyProperties":["partId","blobId","size","name","type",)"
      R"("charset","disposition","cid","subParts","header:Content-Type","header:content-id:asMessageIds"])");
  EXPECT_EQ(all.at("hasAttachment"), true);
  const json::value& root = all.at("bodyStructure");
  EXPECT_TRUE(root.at("partId").is_null() && root.at("blobId").is_null());
  EXPECT_EQ(root.at("type"), "multipart/mixed");
  EXPECT_EQ(json::serialize(root.at("header:Content-Type")), R"(" multipart/mixed; boundary=o")");
  const json::value& picture = root.at("subParts").at(1);
  EXPECT_EQ(picture.at("name"), "€.png");
  EXPECT_EQ(picture.at("cid"), "pic@x");
  EXPECT_EQ(picture.at("size"), 5);
  EXPECT_EQ(picture.at("disposition"), "attachment");
  EXPECT_TRUE(picture.at("charset").is_null() && picture.at("subParts").is_null());
  EXPECT_EQ(text(picture.at("blobId")), "B" + id.substr(1) + "-2");
  EXPECT_EQ(json::serialize(picture.at("header:content-id:asMessageIds")), R"(["pic@x"])");
  EXPECT_EQ(root.at("subParts").at(0).at("subParts").at(1).at("charset"), "utf-8");
}

TEST_F(JmapEmailGet, TextOfParts) {
  const json::object all = value(kMixed);
  EXPECT_EQ(json::serialize(all.at("1.1")),
            R"({"isEncodingProblem":false,"isTruncated":false,"value":"Hello Ann"})");
  EXPECT_EQ(all.size(), 2u);
  const std::string id = deliver("INBOX", kMixed);
  const auto numbers = [&](const std::string& rest) {
    std::string out;
    const json::object letter = get(id, rest);
    for (const auto& one : letter.at("bodyValues").as_object()) out += std::string(one.key()) + ";";
    return out;
  };
  EXPECT_EQ(numbers(""), "");
  EXPECT_EQ(numbers(R"(,"fetchTextBodyValues":true)"), "1.1;");
  EXPECT_EQ(numbers(R"(,"fetchHTMLBodyValues":true)"), "1.2;");
}

TEST_F(JmapEmailGet, CharsetsAndLineEnds) {
  const auto first = [&](const std::string& header, const std::string& body) {
    return json::serialize(value(header + "\r\n" + body).at("1"));
  };
  EXPECT_THAT(first("Content-Type: text/plain; charset=iso-8859-1\r\n", "caf\xe9\r\nline\r\n"),
              HasSubstr(R"("isEncodingProblem":false,"isTruncated":false,"value":"café\nline\n")"));
  EXPECT_THAT(first("Content-Type: text/plain; charset=utf-8\r\n", "caf\xe9"),
              HasSubstr("\"isEncodingProblem\":true"));
  EXPECT_THAT(first("Content-Type: text/plain; charset=x-nobody\r\n", "a"),
              HasSubstr("\"isEncodingProblem\":true"));
  EXPECT_THAT(first("Content-Transfer-Encoding: x-own\r\n", "a=41"),
              HasSubstr(R"("isEncodingProblem":true,"isTruncated":false,"value":"a=41")"));
  EXPECT_THAT(
      first("Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n",
            "caf=C3=A9 =\r\nx"),
      HasSubstr("\"value\":\"café x\""));
  EXPECT_THAT(first("Content-Type: text/plain; charset=iso-2022-jp\r\n", "\x1b$B4A\x1b(B"),
              HasSubstr("\"value\":\"漢\""));
}

TEST_F(JmapEmailGet, CutText) {
  EXPECT_EQ(cut_text("häh", 2, false), "h");
  EXPECT_EQ(cut_text("häh", 3, false), "hä");
  EXPECT_EQ(cut_text("<b>x</b>", 6, true), "<b>x");
  EXPECT_EQ(cut_text("<b>x</b>", 8, true), "<b>x</b>");
  EXPECT_EQ(cut_text("a<b", 3, true), "a<b");
  const std::string text = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>ää<a href=x>";
  EXPECT_EQ(json::serialize(value(text, R"(,"maxBodyValueBytes":10)").at("1")),
            R"({"isEncodingProblem":false,"isTruncated":true,"value":"<p>ää"})");
  EXPECT_EQ(json::serialize(value(text, R"(,"maxBodyValueBytes":4)").at("1")),
            R"({"isEncodingProblem":false,"isTruncated":true,"value":"<p>"})");
}

// All of a call is bounded, whatever the letters are.
TEST_F(JmapEmailGet, TooMuchText) {
  const std::string id = deliver("INBOX", "Subject: large\r\n\r\n" + std::string(6 << 20, 'x'));
  const json::object one = get(id, R"(,"fetchTextBodyValues":true,"properties":["bodyValues"])");
  EXPECT_EQ(one.at("bodyValues").at("1").at("isTruncated"), true);
  EXPECT_EQ(one.at("bodyValues").at("1").at("value").as_string().size(), size_t{5 << 20});
  std::string ids = "\"" + id + "\"";
  for (int i = 0; i < 7; ++i)
    ids += ",\"" + deliver("INBOX", "Subject: l\r\n\r\n" + std::string(6 << 20, 'y')) + "\"";
  EXPECT_EQ(
      call("Email/get", R"({"accountId":"$A","fetchTextBodyValues":true,"ids":[)" + ids + "]}").at("type"),
      "requestTooLarge");
}

TEST_F(JmapEmailGet, HostileLetters) {
  std::string deep = "Subject: deep\r\n";
  for (int i = 0; i < 200; ++i)
    deep += fmt::format("Content-Type: multipart/mixed; boundary=b{}\r\n\r\n--b{}\r\n", i, i);
  std::string wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 12'000; ++i) wide += "--b\r\n\r\nx\r\n";
  for (const std::string& letter :
       {deep, wide, std::string("\r\n"), std::string("no header at all"),
        std::string("Subject:\0x\r\n\r\n\0", 14),
        std::string("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n"),
        "Subject: " + std::string(200'000, '\xe4') + "\r\n\r\nx"}) {
    const json::object all = get(
        deliver("INBOX", letter),
        R"(,"fetchAllBodyValues":true,"properties":["headers","bodyStructure","bodyValues","subject","preview"],)"
        R"("bodyProperties":["headers","partId","size","subParts"])");
    EXPECT_TRUE(all.contains("bodyStructure")) << letter.substr(0, 60) << json::serialize(all).substr(0, 200);
  }
}

TEST_F(JmapEmailGet, Parse) {
  const std::string inner =
      "Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--i\r\n"
      "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--i--\r\n";
  const std::string id =
      deliver("INBOX",
              "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\ntext\r\n--o\r\n"
              "Content-Type: message/rfc822\r\n\r\n" +
                  inner + "--o\r\nContent-Type: application/octet-stream\r\n\r\n\r\nno header\r\n--o--\r\n");
  const std::string blob = "B" + id.substr(1);
  const json::object all =
      call("Email/parse", R"({"accountId":"$A","fetchAllBodyValues":true,"blobIds":[")" + blob + "-2\",\"" +
                              blob + "-3\",\"" + blob + R"(-9","x","U0000000000000"]})");
  const json::value& parsed = all.at("parsed").at(blob + "-2");
  EXPECT_EQ(parsed.at("subject"), "inner");
  EXPECT_EQ(parsed.at("bodyValues").at("1").at("value"), "one");
  EXPECT_EQ(parsed.at("attachments").as_array().size() + parsed.at("textBody").as_array().size(), 2u);
  EXPECT_FALSE(parsed.as_object().contains("id"));
  EXPECT_EQ(json::serialize(all.at("notParsable")), "[\"" + blob + "-3\"]");
  EXPECT_EQ(all.at("notFound").as_array().size(), 3u);
  const json::object some =
      call("Email/parse", R"({"accountId":"$A","blobIds":[")" + blob +
                              R"(-2"],"properties":["id","blobId","mailboxIds","bodyStructure","size"]})");
  const json::value& told = some.at("parsed").at(blob + "-2");
  EXPECT_TRUE(told.at("id").is_null() && told.at("mailboxIds").is_null());
  EXPECT_EQ(text(told.at("blobId")), blob + "-2");
  // What is attached to what is attached has a name, too, and can be read.
  EXPECT_EQ(text(told.at("bodyStructure").at("subParts").at(1).at("blobId")), blob + "-2_2");
  const json::object again = call("Email/parse", R"({"accountId":"$A","blobIds":[")" + blob + R"(-2_2"]})");
  EXPECT_EQ(again.at("notParsable").as_array().size(), 1u);
  EXPECT_EQ(call("Email/parse", R"({"accountId":"$A"})").at("type"), "invalidArguments");
}

TEST(UtcDate, BackAndForth) {
  for (const char* date :
       {"1970-01-01T00:00:00Z", "2014-10-30T06:12:00Z", "2026-02-28T23:59:59.5Z", "9999-12-31T23:59:59.123Z"})
    EXPECT_EQ(format_utc_date(parse_utc_date(date).value()), date);
  for (const char* wrong :
       {"", "2014-10-30", "2014-10-30T06:12:00", "2014-10-30T06:12:00+00:00", "2014-13-01T00:00:00Z",
        "2014-02-30T00:00:00Z", "2014-10-30T24:00:00Z", "2014-10-30T06:12:00.Z", "1969-12-31T00:00:00Z",
        "20x4-10-30T06:12:00Z", "2014-10-30T06:12:00.5xZ"})
    EXPECT_FALSE(parse_utc_date(wrong)) << wrong;
}

}  // namespace
}  // namespace posthouse::access::jmap
