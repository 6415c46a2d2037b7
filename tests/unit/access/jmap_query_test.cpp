// Letters are found by JMAP (RFC 8621 sections 4.4 and 4.5), compared with a plain look at all of them.
#include <gmock/gmock.h>

#include <random>

#include "access/jmap/highlight.h"
#include "access/jmap/letters.h"
#include "access/jmap/query_words.h"
#include "access/jmap/utc_date.h"
#include "base/utf8.h"
#include "unit/access/jmap_house.h"

namespace posthouse::access::jmap {
namespace {

using store::kFlagged;
using store::kSeen;
using testing::ElementsAre;
using testing::IsEmpty;

using Strings = std::vector<std::string>;

Strings ids_in(const json::value& list) {
  Strings out;
  for (const json::value& id : list.as_array()) out.emplace_back(id.as_string());
  return out;
}

class JmapQuery : public JmapHouse {
 protected:
  json::object query(const std::string& rest) {
    return call("Email/query", R"({"accountId":"$A")" + rest + "}");
  }
  Strings found(const std::string& rest) {
    const json::object response = query(rest);
    if (response.contains("type")) return {text(response.at("type"))};
    return ids_in(response.at("ids"));
  }
  Strings with(const std::string& filter) { return found(",\"filter\":" + filter); }
  void mark(const std::string& mailbox_name, store::Uid uid, store::FlagSet flags,
            store::FlagChange change = store::FlagChange::add) {
    store::FlagUpdate update;
    update.change = change;
    update.flags = std::move(flags);
    must(store_.update_flags(kAlice, mailbox(mailbox_name), {uid}, update));
  }
};

TEST_F(JmapQuery, TheNewestFirst) {
  const std::string a = letter("INBOX", "a"), b = letter("Archive", "b"), c = letter("INBOX", "c", "a");
  EXPECT_THAT(found(""), ElementsAre(c, b, a));
  EXPECT_THAT(found(R"(,"sort":[{"property":"receivedAt","isAscending":true}])"), ElementsAre(a, b, c));
  EXPECT_THAT(with(R"({"inMailbox":")" + mailbox_id("INBOX") + "\"}"), ElementsAre(c, a));
  EXPECT_THAT(found(R"(,"collapseThreads":true)"), ElementsAre(c, b));
  EXPECT_THAT(with(R"({"inMailboxOtherThan":[")" + mailbox_id("INBOX") + "\"]}"), ElementsAre(b));
  EXPECT_THAT(with(R"({"inMailbox":"F99"})"), IsEmpty());
}

TEST_F(JmapQuery, Windows) {
  Strings all;
  for (int i = 0; i < 9; ++i) all.insert(all.begin(), letter("INBOX", "m" + std::to_string(i)));
  const json::object page = query(R"(,"position":2,"limit":3,"calculateTotal":true)");
  EXPECT_EQ(ids_in(page.at("ids")), Strings(all.begin() + 2, all.begin() + 5));
  EXPECT_EQ(page.at("total"), 9);
  EXPECT_EQ(page.at("position"), 2);
  EXPECT_FALSE(page.contains("limit"));
  EXPECT_TRUE(query("").contains("limit"));
  EXPECT_EQ(found(R"(,"position":-2)"), Strings(all.end() - 2, all.end()));
  EXPECT_EQ(found(R"(,"position":-20,"limit":1)"), Strings(all.begin(), all.begin() + 1));
  EXPECT_EQ(found(R"(,"anchor":")" + all[4] + R"(","anchorOffset":-1,"limit":2)"),
            Strings(all.begin() + 3, all.begin() + 5));
  EXPECT_EQ(found(R"(,"anchor":"M0000000000000")"), Strings{"anchorNotFound"});
  EXPECT_THAT(found(R"(,"position":100)"), IsEmpty());
  EXPECT_THAT(found(R"(,"limit":0)"), IsEmpty());
}

TEST_F(JmapQuery, Texts) {
  const std::string a =
      deliver("INBOX",
              "From: =?utf-8?q?J=C3=BCrgen?= <j@far.test>\r\nTo: ann@x.test\r\nCc: carl@x.test\r\n"
              "Subject: Red apples\r\nX-Own: green\r\n\r\nThe body has pears.\r\n");
  const std::string b =
      deliver("INBOX",
              "From: bob@x.test\r\nSubject: pears\r\nDate: Thu, 30 Oct 2014 14:12:00 +0800\r\n"
              "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nplums\r\n--b\r\n"
              "Content-Type: application/pdf\r\nContent-Disposition: attachment; "
              "filename=list.pdf\r\n\r\nx\r\n--b--\r\n");
  EXPECT_THAT(with(R"({"from":"jürgen"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"from":"ann"})"), IsEmpty());
  EXPECT_THAT(with(R"({"to":"ANN"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"cc":"carl"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"bcc":"carl"})"), IsEmpty());
  EXPECT_THAT(with(R"({"subject":"pears"})"), ElementsAre(b));
  EXPECT_THAT(with(R"({"body":"pears"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"text":"pears"})"), ElementsAre(b, a));
  EXPECT_THAT(with(R"({"text":"apples pears"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"text":"apples red"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"text":"\"apples red\""})"), IsEmpty());
  EXPECT_THAT(with(R"({"text":"'red apples' has"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"text":""})"), ElementsAre(b, a));
  EXPECT_THAT(with(R"({"text":"list.pdf"})"), ElementsAre(b));
  EXPECT_THAT(with(R"({"header":["x-own"]})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"header":["X-Own","GREEN"]})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"header":["X-Own","red"]})"), IsEmpty());
  EXPECT_THAT(with(R"({"hasAttachment":true})"), ElementsAre(b));
  EXPECT_THAT(with(R"({"hasAttachment":false,"text":"pears"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"operator":"NOT","conditions":[{"body":"plums"}]})"), ElementsAre(a));
  EXPECT_THAT(found(R"(,"sort":[{"property":"subject"}])"), ElementsAre(b, a));
  EXPECT_THAT(found(R"(,"sort":[{"property":"from","isAscending":false}])"), ElementsAre(a, b));
  EXPECT_THAT(found(R"(,"sort":[{"property":"sentAt","isAscending":false}])"), ElementsAre(b, a));
  EXPECT_THAT(found(R"(,"sort":[{"property":"size","isAscending":false}])"), ElementsAre(b, a));
}

// Of more texts than the index is asked for all are looked for.
TEST_F(JmapQuery, ManyTexts) {
  const std::string a =
      deliver("INBOX", "Subject: x\r\nX-Own: green\r\n\r\na b c d e f g h i j k l m n o p q r s t\r\n");
  EXPECT_THAT(with(R"({"body":"a b c d e f g h i j k l m n o p q r","header":["X-Own","green"]})"),
              ElementsAre(a));
  EXPECT_THAT(with(R"({"body":"a b c d e f g h i j k l m n o p q r","text":"green"})"), ElementsAre(a));
  EXPECT_THAT(with(R"({"body":"a b c d e f g h i j k l m n o p q r","text":"red"})"), IsEmpty());
}

// A copy that is marked \Deleted is not there, nor are its keywords.
TEST_F(JmapQuery, CopiesMarkedDeleted) {
  const std::string a = letter("INBOX", "a");
  must(store_.copy(kAlice, mailbox("INBOX"), {1}, "Archive", store::Quota()));
  mark("INBOX", 1, {store::kDeleted, {"Work"}});
  EXPECT_THAT(with(R"({"hasKeyword":"work"})"), IsEmpty());
  EXPECT_THAT(with(R"({"notKeyword":"work"})"), ElementsAre(a));
}

TEST_F(JmapQuery, WhatCannotBe) {
  EXPECT_EQ(with(R"({"colour":"red"})"), Strings{"unsupportedFilter"});
  EXPECT_EQ(with(R"({"before":"today"})"), Strings{"unsupportedFilter"});
  EXPECT_EQ(with(R"({"minSize":-1})"), Strings{"unsupportedFilter"});
  EXPECT_EQ(with(R"({"hasKeyword":"a b"})"), Strings{"unsupportedFilter"});
  EXPECT_EQ(with(R"({"header":[]})"), Strings{"unsupportedFilter"});
  EXPECT_EQ(with(R"({"operator":"XOR","conditions":[]})"), Strings{"invalidArguments"});
  EXPECT_EQ(found(R"(,"filter":1)"), Strings{"invalidArguments"});
  EXPECT_EQ(found(R"(,"sort":[{"property":"colour"}])"), Strings{"unsupportedSort"});
  EXPECT_EQ(found(R"(,"sort":[{"property":"hasKeyword"}])"), Strings{"invalidArguments"});
  EXPECT_EQ(found(R"(,"sort":[{"isAscending":true}])"), Strings{"invalidArguments"});
  EXPECT_EQ(found(R"(,"limit":-1)"), Strings{"invalidArguments"});
  EXPECT_EQ(call("Email/queryChanges", R"({"accountId":"$A","sinceQueryState":"x"})").at("type"),
            "cannotCalculateChanges");
  EXPECT_EQ(call("Email/queryChanges", R"({"accountId":"$A"})").at("type"), "invalidArguments");
}

TEST_F(JmapQuery, ChangesUpToALetter) {
  const std::string a = letter("INBOX", "a"), b = letter("INBOX", "b");
  const json::object old = query("");
  const std::string c = letter("INBOX", "c");
  const json::object changes =
      call("Email/queryChanges", json::object{{"sinceQueryState", old.at("queryState")}, {"upToId", a}});
  EXPECT_EQ(json::serialize(changes.at("added")), R"([{"id":")" + c + R"(","index":0}])");
  EXPECT_EQ(
      call("Email/queryChanges", json::object{{"sinceQueryState", old.at("queryState")}, {"maxChanges", 1}})
          .at("type"),
      "tooManyChanges");
}

TEST_F(JmapQuery, Snippets) {
  const std::string a = deliver("INBOX",
                                "Subject: =?utf-8?q?Caf=C3=A9?= & <b>\r\n\r\nOne two.\r\nAt the  "
                                "CAF\xc3\x89\xc3\xa9 we met, you < I.\r\n");
  const std::string b = deliver(
      "INBOX",
      "Subject: other\r\nContent-Type: text/html\r\n\r\n<p class=\"hidden\">We <b>met</b> there</p>\r\n");
  const json::object found =
      call("SearchSnippet/get", R"({"accountId":"$A","filter":{"text":"café met"},"emailIds":[")" + a +
                                    "\",\"" + b + R"(","x","M0000000000000"]})");
  const json::array& list = found.at("list").as_array();
  ASSERT_EQ(list.size(), 2u) << json::serialize(found);
  EXPECT_EQ(list.at(0).at("subject"), "<mark>Café</mark> &amp; &lt;b&gt;");
  EXPECT_EQ(list.at(0).at("preview"), "One two. At the <mark>CAFÉ</mark>é we <mark>met</mark>, you &lt; I. ");
  EXPECT_TRUE(list.at(1).at("subject").is_null());
  EXPECT_THAT(text(list.at(1).at("preview")), testing::HasSubstr("We <mark>met</mark> there"));
  EXPECT_EQ(json::serialize(found.at("notFound")), R"(["x","M0000000000000"])");
  const json::object none =
      call("SearchSnippet/get", R"({"accountId":"$A","filter":{"body":"hidden"},"emailIds":[")" + b + "\"]}");
  EXPECT_TRUE(none.at("list").at(0).at("preview").is_null());
  EXPECT_TRUE(none.at("notFound").is_null());
  EXPECT_EQ(call("SearchSnippet/get", R"({"accountId":"$A","filter":{"colour":1},"emailIds":[]})").at("type"),
            "unsupportedFilter");
}

TEST(Highlight, IsNeverTooLong) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += fmt::format("wörd{} <&> ", i);
  for (int i = 0; i < 300; i += 7) {
    for (const size_t most : {size_t{20}, size_t{100}, size_t{255}}) {
      const auto part = highlight_part(text, {fmt::format("wörd{} ", i), "&"}, most);
      ASSERT_TRUE(part);
      EXPECT_LE(part->size(), most);
      EXPECT_TRUE(is_utf8(*part));
      EXPECT_TRUE(most < 100 || part->contains("<mark>")) << *part;
      size_t open = 0, close = 0;
      for (size_t at = 0; (at = part->find("<mark>", at)) != std::string::npos; ++at) ++open;
      for (size_t at = 0; (at = part->find("</mark>", at)) != std::string::npos; ++at) ++close;
      EXPECT_EQ(open, close);
    }
  }
  EXPECT_FALSE(highlight("abc", {"x", ""}));
  EXPECT_EQ(highlight("aXbxc", {"x", "xb"}), "a<mark>Xbx</mark>c");
}

TEST(QueryWords, WordsAndPhrases) {
  EXPECT_THAT(query_words(" one  two\tthree "), ElementsAre("one", "two", "three"));
  EXPECT_THAT(query_words(R"(a "b c" 'd e')"), ElementsAre("a", "b c", "d e"));
  EXPECT_THAT(query_words(R"("it\"s \\ \'" x)"), ElementsAre(R"(it"s \ ')", "x"));
  EXPECT_THAT(query_words(R"(don't "open)"), ElementsAre("don't", "\"open"));
  EXPECT_THAT(query_words(R"("" '')"), IsEmpty());
  std::string many;
  for (int i = 0; i < 50; ++i) many += "w ";
  EXPECT_EQ(query_words(many).size(), 21u);
}

// ---- a plain reference

struct Known {
  std::string id, thread;
  std::set<std::string> mailboxes, keywords;
  int64_t received = 0;
  int64_t size = 0;
  std::string words;  // of subject and body
};

class JmapQueryModel : public JmapQuery {
 protected:
  size_t roll(size_t sides) { return std::uniform_int_distribution<size_t>(0, sides - 1)(dice_); }

  std::vector<Known> all() {
    must(catalog_.refresh(kAlice));
    std::vector<Known> out;
    for (const Letter& letter :
         must(read_letters(services_, kAlice, must(catalog_.all_ids(kAlice)), false))) {
      Known known{format_email_id(letter.id), format_thread_id(letter.thread), {}, {}, 0, 0,
                  words_[letter.id]};
      for (const store::Entry& copy : letter.copies) known.mailboxes.insert(format_mailbox_id(copy.mailbox));
      for (const std::string& keyword : keywords_of(letter)) known.keywords.insert(keyword);
      known.received = letter.entry().internal_date.time_since_epoch().count();
      known.size = static_cast<int64_t>(letter.entry().size);
      out.push_back(std::move(known));
    }
    return out;
  }

  static bool condition(const json::object& filter, const Known& letter, const std::vector<Known>& all) {
    const auto share = [&](const std::string& keyword, bool every) {
      for (const Known& other : all) {
        if (other.thread == letter.thread && other.keywords.contains(keyword) != every) return !every;
      }
      return every;
    };
    for (const auto& one : filter) {
      const std::string name(one.key());
      const std::string value = one.value().is_string() ? text(one.value()) : "";
      bool good = true;
      if (name == "inMailbox") good = letter.mailboxes.contains(value);
      if (name == "hasKeyword") good = letter.keywords.contains(value);
      if (name == "notKeyword") good = !letter.keywords.contains(value);
      if (name == "allInThreadHaveKeyword") good = share(value, true);
      if (name == "someInThreadHaveKeyword") good = share(value, false);
      if (name == "noneInThreadHaveKeyword") good = !share(value, false);
      if (name == "after") good = letter.received >= parse_utc_date(value)->time_since_epoch().count();
      if (name == "minSize") good = letter.size >= one.value().to_number<int64_t>();
      if (name == "text") good = letter.words.contains(value);
      if (!good) return false;
    }
    return true;
  }
  static bool matches(const json::object& filter, const Known& letter, const std::vector<Known>& all) {
    if (!filter.contains("operator")) return condition(filter, letter, all);
    size_t yes = 0;
    const json::array& parts = filter.at("conditions").as_array();
    for (const json::value& part : parts) yes += matches(part.as_object(), letter, all) ? 1 : 0;
    const std::string name = text(filter.at("operator"));
    return name == "AND" ? yes == parts.size() : name == "OR" ? yes > 0 : yes == 0;
  }

  json::object random_condition() {
    static const Strings kKeywords{"$seen", "$flagged", "work"};
    const std::string keyword = kKeywords[roll(3)];
    switch (roll(9)) {
      case 0:
      case 1:
        return {{"inMailbox", mailbox_id(kBoxes[roll(3)])}};
      case 2:
        return {{"hasKeyword", keyword}};
      case 3:
        return {{"notKeyword", keyword}};
      case 4:
        return {{"allInThreadHaveKeyword", keyword}};
      case 5:
        return {{"someInThreadHaveKeyword", keyword}};
      case 6:
        return {{"noneInThreadHaveKeyword", keyword}, {"minSize", 100 + roll(200)}};
      case 7:
        return {{"after", format_utc_date(clock_.now() - std::chrono::seconds(roll(40)))}};
      default:
        return {{"text", kWords[roll(kWords.size())]}};
    }
  }
  json::object random_filter(int depth = 0) {
    if (depth == 2 || roll(3) != 0) return random_condition();
    json::array parts;
    for (size_t i = roll(3); i < 3; ++i) parts.emplace_back(random_filter(depth + 1));
    static const Strings kOperators{"AND", "OR", "NOT"};
    return {{"operator", kOperators[roll(3)]}, {"conditions", parts}};
  }
  json::object random_query() {
    json::object out{{"accountId", "$A"}, {"collapseThreads", roll(2) == 0}};
    if (roll(6) != 0) out["filter"] = random_filter();
    static const Strings kSorts{
        R"([{"property":"receivedAt","isAscending":false}])", R"([{"property":"receivedAt"}])",
        R"([{"property":"hasKeyword","keyword":"$seen","isAscending":false},{"property":"receivedAt"}])",
        R"([{"property":"someInThreadHaveKeyword","keyword":"work"},{"property":"receivedAt"}])"};
    out["sort"] = json::parse(kSorts[roll(kSorts.size())]);
    return out;
  }

  Strings reference(const json::object& wanted) {
    std::vector<Known> letters = all(), chosen;
    for (const Known& one : letters) {
      if (!wanted.contains("filter") || matches(wanted.at("filter").as_object(), one, letters))
        chosen.push_back(one);
    }
    const auto value = [&](const json::object& by, const Known& letter) {
      if (by.at("property") == "receivedAt") return letter.received;
      json::object condition_of{{by.at("property").as_string(), by.at("keyword")}};
      return int64_t{condition(condition_of, letter, letters)};
    };
    std::ranges::sort(chosen, [&](const Known& a, const Known& b) {
      for (const json::value& by : wanted.at("sort").as_array()) {
        const json::object& key = by.as_object();
        const int64_t left = value(key, a), right = value(key, b);
        const bool ascending = !key.contains("isAscending") || key.at("isAscending").as_bool();
        if (left != right) return (left < right) == ascending;
      }
      return a.id < b.id;
    });
    Strings out;
    std::set<std::string> threads;
    for (const Known& one : chosen) {
      if (wanted.at("collapseThreads").as_bool() && !threads.insert(one.thread).second) continue;
      out.push_back(one.id);
    }
    return out;
  }

  // Each with so many sides of a die.
  std::vector<store::Uid> uids_of(const std::string& box, size_t sides) {
    std::vector<store::Uid> uids;
    for (const store::Entry& entry :
         must(store_.entries(kAlice, mailbox(box), 1, UINT32_MAX, 10'000, false))) {
      if (roll(sides) == 0) uids.push_back(entry.uid);
    }
    return uids;
  }

  void step() {
    const std::string& box = kBoxes[roll(3)];
    const store::MailboxId from = mailbox(box);
    const std::vector<store::Uid> uids = uids_of(box, 4);
    switch (roll(8)) {
      case 0:
      case 1:
      case 2: {
        const std::string word = kWords[roll(kWords.size())];
        std::string letter = fmt::format("Subject: {}\r\nMessage-ID: <m{}@x>\r\n", word, made_);
        if (made_ > 0 && roll(2) == 0) letter += fmt::format("References: <m{}@x>\r\n", roll(made_));
        ++made_;
        const std::string body = kWords[roll(kWords.size())];
        const std::string id = deliver(box, letter + "\r\n" + body + std::string(roll(100), '.') + "\r\n",
                                       roll(2) == 0 ? uint8_t{kSeen} : uint8_t{0});
        words_[*parse_email_id(id)] = word + " " + body;
        break;
      }
      case 3:
      case 4:
        for (const store::Uid uid : uids) {
          store::FlagSet flags{roll(2) == 0 ? uint8_t{kSeen} : uint8_t{kFlagged}, {}};
          if (roll(2) == 0) flags.keywords.emplace_back("Work");
          mark(box, uid, flags, roll(2) == 0 ? store::FlagChange::add : store::FlagChange::remove);
        }
        break;
      case 5:
        if (!uids.empty()) must(store_.copy(kAlice, from, uids, kBoxes[roll(3)], store::Quota()));
        break;
      case 6:
        if (!uids.empty()) must(store_.move(kAlice, from, uids, kBoxes[roll(3)]));
        break;
      default:
        if (roll(2) == 0) must(store_.remove(kAlice, from, uids));
    }
  }

  // What a client does with it (RFC 8620 section 5.6).
  static Strings apply(Strings ids, const json::object& changes) {
    const Strings removed = ids_in(changes.at("removed"));
    std::erase_if(ids,
                  [&](const std::string& id) { return std::ranges::find(removed, id) != removed.end(); });
    for (const json::value& one : changes.at("added").as_array()) {
      const auto index = one.at("index").to_number<ptrdiff_t>();
      if (index > std::ssize(ids)) return {"an index behind the end"};
      ids.insert(ids.begin() + index, text(one.at("id")));
    }
    return ids;
  }

  const Strings kBoxes{"INBOX", "Archive", "Trash"}, kWords{"apple", "pear", "plum", "applepie"};
  std::mt19937 dice_;
  std::map<catalog::EmailId, std::string> words_;
  size_t made_ = 0;
};

TEST_F(JmapQueryModel, AgreesWithAPlainLook) {
  const char* wanted = std::getenv("JMAP_SEEDS");
  const unsigned seeds = wanted == nullptr ? 3 : static_cast<unsigned>(std::stoul(wanted));
  for (unsigned seed = 0; seed < seeds; ++seed) {
    dice_.seed(seed);
    for (const std::string& box : kBoxes) must(store_.remove(kAlice, mailbox(box), uids_of(box, 1)));
    struct Old {
      json::object query;
      json::value state;
      Strings ids;
    };
    std::vector<Old> kept;
    for (int round = 0; round < 150; ++round) {
      step();
      const json::object wanted_query = random_query();
      const json::object response = call("Email/query", wanted_query);
      ASSERT_TRUE(response.contains("ids")) << json::serialize(response);
      const Strings ids = ids_in(response.at("ids"));
      ASSERT_EQ(ids, reference(wanted_query)) << seed << " " << round << json::serialize(wanted_query);
      kept.push_back({wanted_query, response.at("queryState"), ids});
      const Old& old = kept[roll(kept.size())];
      json::object since = old.query;
      since["sinceQueryState"] = old.state;
      const json::object changes = call("Email/queryChanges", since);
      ASSERT_TRUE(changes.contains("added")) << json::serialize(changes);
      ASSERT_EQ(apply(old.ids, changes), reference(old.query))
          << seed << " " << round << json::serialize(old.query);
    }
  }
}

}  // namespace
}  // namespace posthouse::access::jmap
