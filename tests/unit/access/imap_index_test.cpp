// SEARCH with an index answers what SEARCH without one does, whatever the mail and the key, and whatever
// state the index is in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/base64.h"
#include "imap_house.h"
#include "message/transfer.h"
#include "search/indexer.h"

namespace posthouse::access::imap::test {
namespace {

constexpr store::AccountId kAlice = 1;

// Words that make trouble: capitals, marks, ligatures, scripts without spaces, long tokens, numbers.
constexpr const char* kWords[] = {"post",
                                  "House",
                                  "the",
                                  "a",
                                  "needle",
                                  "needles",
                                  "STRASSE",
                                  "stra\u00DFe",
                                  "\xC3\xA4rger",
                                  "A\xCC\x88rger",
                                  "\xEF\xAC\x81sh",
                                  "\xD0\x9F\xD0\xBE\xD1\x87\xD1\x82\xD0\xB0",
                                  "\xE6\xBC\xA2\xE5\xAD\x97",
                                  "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x81\xAE\xE6\xBC\xA2\xE5\xAD\x97",
                                  "\xE3\x82\xAB\xE3\x82\xAB",
                                  "x\xE6\xBC\xA2y",
                                  "42",
                                  "20261129",
                                  "a1b2c3d4e5f6",
                                  "0123456789abcdef0123456789abcdef",
                                  "averyveryverylongwordthatnobodyremembersatall",
                                  "user@example.org",
                                  "https://example.org/a/b?c=d",
                                  "\xE2\x80\x9Cquoted\xE2\x80\x9D",
                                  "don't",
                                  "--",
                                  "!",
                                  "\xF0\x9F\x98\x80",
                                  "e\xCC\x81t\xC3\xA9",
                                  "\xC2\xA0"};

class Mail {
 public:
  explicit Mail(unsigned seed) : random_(seed) {}

  size_t below(size_t n) { return random_() % n; }
  std::string word() { return kWords[below(std::size(kWords))]; }
  std::string text(size_t words) {
    std::string out;
    for (size_t i = 0; i < words; i++) {
      out += word();
      const size_t between = below(8);
      out += between == 0 ? "\r\n" : between == 1 ? "" : between == 2 ? ", " : between == 3 ? "\t" : " ";
    }
    return out;
  }
  std::string letter() {
    const std::string head = "From: " + encoded(text(2)) + " <" + std::to_string(below(5)) +
                             "@example.org>\r\nTo: bob <bob@example.net>\r\nSubject: " + encoded(text(3)) +
                             "\r\nX-Thing: " + encoded(word()) + "\r\n";
    if (below(3) > 0) return head + part(text(1 + below(30)));
    return head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part(text(5)) +
           "\r\n--b\r\nContent-Disposition: attachment; filename=\"" + std::to_string(below(9)) +
           "needle.txt\"\r\n" + part(text(5)) +
           "\r\n--b\r\nContent-Type: image/png\r\n\r\nneedle\r\n--b--\r\n";
  }
  // A piece of such text, perhaps across words, perhaps one that is nowhere.
  std::string key() {
    std::string out = text(1 + below(3));
    if (out.empty()) return "x";
    size_t begin = below(out.size());
    while (begin > 0 && (static_cast<unsigned char>(out[begin]) & 0xC0) == 0x80) begin--;
    size_t end = std::min(out.size(), begin + 1 + below(12));
    while (end < out.size() && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) end++;
    return out.substr(begin, end - begin);
  }

 private:
  static std::string encoded(std::string text) {
    std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
    return "=?utf-8?B?" + base64_encode(text) + "?=";
  }
  std::string part(const std::string& text) {
    const size_t kind = below(3);
    const std::string type = "Content-Type: text/plain; charset=utf-8\r\n";
    if (kind == 0) return type + "\r\n" + text;
    std::string body;
    if (kind == 1) {
      message::append_base64_lines(body, text);
      return type + "Content-Transfer-Encoding: base64\r\n\r\n" + body;
    }
    body = message::encode_quoted_printable(text);
    return type + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body;
  }
  std::mt19937 random_;
};

class ImapIndex : public testing::Test {
 protected:
  void fill(int letters) {
    for (int i = 0; i < letters; i++) house.deliver(kAlice, "INBOX", mail.letter());
  }
  // The letters that are there now.
  void bring_up_to_date() {
    search::Indexer::Options options;
    options.tail = 1;
    search::Indexer indexer(index, house.store, options);
    ASSERT_TRUE(house.executor.run(indexer.tidy({1, 2})));
    ASSERT_TRUE(house.executor.run(indexer.look_at(kAlice)));
  }
  std::unique_ptr<Client> selected(search::Index* with) {
    house.index = with;
    auto client = house.login("alice");
    client->ask("s SELECT INBOX\r\n");
    return client;
  }
  std::string condition() {
    static constexpr const char* kKeys[] = {"BODY",           "TEXT",     "SUBJECT", "FROM",
                                            "HEADER X-Thing", "NOT BODY", "NOT TEXT"};
    const std::string key = mail.key();
    return std::string(kKeys[mail.below(std::size(kKeys))]) + " {" + std::to_string(key.size()) + "+}\r\n" +
           key;
  }
  std::string random_search() {
    static constexpr const char* kForms[] = {"SEARCH ", "UID SEARCH ", "SEARCH RETURN (MIN MAX COUNT) ",
                                             "SEARCH RETURN (ALL) ", "UID SEARCH RETURN (MIN) "};
    std::string command = std::string("t ") + kForms[mail.below(std::size(kForms))] + "CHARSET UTF-8 ";
    switch (mail.below(5)) {
      case 4:
        return command + "OR MODSEQ " + std::to_string(1 + mail.below(300)) + " " + condition() + "\r\n";
      case 0:
        return command + condition() + " " + condition() + "\r\n";
      case 1:
        return command + "OR " + condition() + " " + condition() + "\r\n";
      case 2:
        return command + "UNSEEN " + condition() + "\r\n";
      default:
        return command + condition() + "\r\n";
    }
  }
  // RFC 6203: who matches, and how well.
  std::string fuzzy_search() {
    static constexpr const char* kForms[] = {
        "SEARCH RETURN (ALL RELEVANCY) CHARSET UTF-8 ", "SEARCH CHARSET UTF-8 ",
        "SORT RETURN (ALL RELEVANCY) (RELEVANCY ARRIVAL) UTF-8 ", "UID SORT (RELEVANCY) UTF-8 "};
    static constexpr const char* kMore[] = {"", "UNSEEN ", "OR FUZZY SUBJECT needles ", "OR SUBJECT house ",
                                            "FUZZY BODY nedle "};
    std::string command = std::string("t ") + kForms[mail.below(std::size(kForms))] +
                          kMore[mail.below(std::size(kMore))] + "FUZZY " + condition() + "\r\n";
    return command;
  }
  void expect_same(int searches) {
    expect_same(searches, [this] { return random_search(); });
  }
  template <class Make>
  void expect_same(int searches, Make make) {
    auto with = selected(&index);
    auto without = selected(nullptr);
    int found = 0;
    for (int i = 0; i < searches; i++) {
      const std::string command = make();
      const std::string answer = with->ask(command);
      ASSERT_EQ(answer, without->ask(command)) << command;
      ASSERT_THAT(answer, testing::HasSubstr("t OK"));
      found += answer.find_first_of("0123456789") < answer.find("t OK") ? 1 : 0;
    }
    EXPECT_GT(found, searches / 4);
    EXPECT_LT(found, searches);
  }
  // How many letters the index itself has an answer for.
  size_t told(const std::string& key, bool fuzzy = false) {
    const auto info = house.executor.run(house.store.mailbox(kAlice, std::string("INBOX")));
    search::Question question{{search::Field::body}, key, fuzzy};
    const auto answer = house.executor.run(index.ask(kAlice, info->id, info->uid_validity, {question}));
    if (!answer || !*answer) return 0;
    const auto& truths = (*answer)->truths.front();
    return truths.size() -
           static_cast<size_t>(std::count(truths.begin(), truths.end(), search::Truth::unknown));
  }

  Mail mail{7};
  House house;
  std::unique_ptr<engine::Engine> rows = engine::make_memory_engine();
  search::Index index{*rows};
};

TEST_F(ImapIndex, AnswersAreThoseOfALookAtTheMessages) {
  fill(150);
  bring_up_to_date();
  EXPECT_EQ(told("needle"), 150u);
  EXPECT_EQ(told("nowhere"), 150u);
  expect_same(400);
}

TEST_F(ImapIndex, FuzzyAnswersAreThoseOfALookAtTheMessages) {
  fill(130);
  bring_up_to_date();
  fill(10);
  bring_up_to_date();
  fill(10);
  // Of some the pieces of long words say that somebody has to look.
  EXPECT_GT(told("needle", true), 100u);
  EXPECT_GT(told("nedels", true), 100u);
  expect_same(120, [this] { return fuzzy_search(); });
}

// RFC 7377: also of mailboxes that are not selected.
TEST_F(ImapIndex, ItAnswersForSeveralMailboxes) {
  fill(120);
  selected(nullptr)->ask("a CREATE Else\r\nb COPY 1:* Else\r\nc STORE 1:9 +FLAGS.SILENT (\\Seen)\r\n");
  bring_up_to_date();
  expect_same(50, [this] {
    static constexpr const char* kForms[] = {"IN (personal) ", "IN (mailboxes Else) RETURN (MIN COUNT) ", "",
                                             "IN (selected subtree Else) RETURN (PARTIAL 2:5) "};
    return std::string("t ESEARCH ") + kForms[mail.below(std::size(kForms))] + "CHARSET UTF-8 " +
           (mail.below(3) == 0 ? "UNSEEN FUZZY " : "") + condition() + "\r\n";
  });
}

TEST_F(ImapIndex, WhatCameLatelyIsFoundToo) {
  fill(120);
  bring_up_to_date();
  fill(40);
  EXPECT_EQ(told("needle"), 120u);
  expect_same(100);
}

TEST_F(ImapIndex, ManySegmentsBecomeOneAndSayTheSame) {
  for (int i = 0; i < 20; i++) {
    fill(6);
    bring_up_to_date();
  }
  const auto totals = house.executor.run(index.totals(kAlice));
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->letters, 120u);
  EXPECT_LT(totals->segments, 16u);
  expect_same(100);
}

TEST_F(ImapIndex, MessagesThatAreGoneAreNotFound) {
  fill(160);
  bring_up_to_date();
  auto with = selected(&index);
  auto without = selected(nullptr);
  auto other = selected(nullptr);
  other->ask("a STORE 3:90 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n");
  // Nobody has told these two, and SEARCH must not.
  for (int i = 0; i < 50; i++) {
    const std::string command = random_search();
    ASSERT_EQ(with->ask(command), without->ask(command)) << command;
  }
  // Their terms go once they are more than half.
  fill(40);
  bring_up_to_date();
  other->ask("c STORE 1:60 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n");
  bring_up_to_date();
  const auto totals = house.executor.run(index.totals(kAlice));
  ASSERT_TRUE(totals);
  EXPECT_LT(totals->letters, 130u);
  expect_same(50);
}

TEST_F(ImapIndex, DamagedOneIsNotUsedAndMadeAnew) {
  fill(120);
  bring_up_to_date();
  const engine::Partition partition{engine::PartitionKind::account, kAlice};
  std::vector<std::string> keys;
  ASSERT_TRUE(rows->scan(partition, "S", "T", [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  }));
  std::vector<engine::Step> steps;
  steps.push_back({partition, [&](engine::Transaction& out) -> Result<void> {
                     for (const std::string& key : keys) out.put(key, "\x05nonsense");
                     return {};
                   }});
  ASSERT_TRUE(house.executor.run(rows->transact(std::move(steps))));
  expect_same(20);
  EXPECT_EQ(told("needle"), 0u);
  bring_up_to_date();
  EXPECT_EQ(told("needle"), 120u);
  expect_same(20);
}

TEST_F(ImapIndex, ItIsForgottenWithItsMailboxOrAccount) {
  fill(120);
  bring_up_to_date();
  house.login("alice")->ask("a CREATE Else\r\nb COPY 1:* Else\r\n");
  auto client = selected(nullptr);
  client->ask("b COPY 1:* Else\r\n");
  bring_up_to_date();
  EXPECT_EQ(house.executor.run(index.mailboxes(kAlice))->size(), 2u);
  client->ask("c DELETE Else\r\n");
  bring_up_to_date();
  EXPECT_EQ(house.executor.run(index.mailboxes(kAlice))->size(), 1u);
  search::Indexer indexer(index, house.store, {});
  ASSERT_TRUE(house.executor.run(indexer.tidy({2})));
  EXPECT_TRUE(house.executor.run(index.accounts())->empty());
}

// Whose text is what they are made of; of some there is none, and one takes too long.
class Extractor : public search::TextExtractor {
 public:
  bool knows(message::DocumentKind kind) const override { return kind == message::DocumentKind::pdf; }
  Result<void> begin(message::DocumentKind) override {
    octets.clear();
    begun++;
    return {};
  }
  Result<void> feed(std::string_view more) override {
    octets += more;
    return {};
  }
  Result<void> finish(const std::function<bool(std::string_view)>& take) override {
    if (octets == "hang") return fail(FaultKind::timeout, "too long");
    if (octets == "broken") return fail(FaultKind::permanent, "broken");
    for (const char c : octets) {
      if (!take(std::string_view(&c, 1))) break;
    }
    return {};
  }
  std::string octets;
  int begun = 0;
};

class ImapDocuments : public ImapIndex {
 protected:
  void deliver(const std::string& text, const std::vector<std::string>& documents) {
    std::string letter =
        "From: a@b.test\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" +
        text + "\r\n";
    for (const std::string& document : documents) {
      letter += "--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n";
      message::append_base64_lines(letter, document);
    }
    house.deliver(kAlice, "INBOX", letter + "--b--\r\n");
  }
  void look() {
    search::Indexer::Options options;
    options.extractor = &extractor;
    if (!indexer) indexer.emplace(index, house.store, options);
    ASSERT_TRUE(house.executor.run(indexer->look_at(kAlice)));
  }
  std::string found(const std::string& key) {
    const std::string answer = selected(&index)->ask("t SEARCH " + key + "\r\n");
    return answer.substr(0, answer.find("\r\n"));
  }
  Extractor extractor;
  std::optional<search::Indexer> indexer;
};

TEST_F(ImapDocuments, AreForFuzzySearches) {
  deliver("see attached", {"the quagmire of invoices"});
  deliver("a quagmire", {});
  look();  // so few letters are not indexed but for the document
  EXPECT_EQ(found("FUZZY BODY quagmire"), "* SEARCH 1 2");
  EXPECT_EQ(found("FUZZY TEXT invoice"), "* SEARCH 1");
  EXPECT_EQ(found("FUZZY TEXT quagmyre"), "* SEARCH 1 2");
  EXPECT_EQ(found("FUZZY TEXT \"attached invoice\""), "* SEARCH 1");
  // The letter's own words count more.
  EXPECT_EQ(found("RETURN (RELEVANCY) FUZZY TEXT quagmire"), "* ESEARCH (TAG \"t\") RELEVANCY (55 70)");
  EXPECT_EQ(found("RETURN (RELEVANCY) FUZZY BODY quagmire"), "* ESEARCH (TAG \"t\") RELEVANCY (80 100)");
  // What is exact is of the text alone, and so are other fields.
  EXPECT_EQ(found("BODY quagmire"), "* SEARCH 2");
  EXPECT_EQ(found("TEXT quagmire"), "* SEARCH 2");
  EXPECT_EQ(found("FUZZY SUBJECT quagmire"), "* SEARCH");
}

TEST_F(ImapDocuments, AreLookedIntoOnce) {
  deliver("one", {"first document", "second document"});
  look();
  look();
  EXPECT_EQ(extractor.begun, 2);
  EXPECT_EQ(found("FUZZY BODY documents"), "* SEARCH 1");
  EXPECT_EQ(found("FUZZY BODY second"), "* SEARCH 1");
  EXPECT_EQ(extractor.begun, 2);
  for (int i = 0; i < 20; i++) {
    deliver("more", {"further"});
    look();
  }
  EXPECT_EQ(extractor.begun, 22);  // also when segments become one
  EXPECT_EQ(found("FUZZY BODY second"), "* SEARCH 1");
  EXPECT_EQ(found("RETURN (COUNT) FUZZY BODY further"), "* ESEARCH (TAG \"t\") COUNT 20");
}

TEST_F(ImapDocuments, ThatGiveNothingDontKeepTheLetterFromBeingFound) {
  deliver("letter one", {"broken", "good document"});
  deliver("letter two", {"hang", "never looked into"});
  look();
  EXPECT_EQ(found("FUZZY BODY letter"), "* SEARCH 1 2");
  EXPECT_EQ(found("BODY letter"), "* SEARCH 1 2");
  EXPECT_EQ(found("FUZZY BODY good"), "* SEARCH 1");
  EXPECT_EQ(found("FUZZY BODY looked"), "* SEARCH");
}

TEST_F(ImapDocuments, LettersWithoutThemWaitForOthers) {
  for (int i = 0; i < 5; i++) deliver("plain", {});
  look();
  EXPECT_EQ(house.executor.run(index.totals(kAlice))->letters, 0u);
  deliver("attached", {"document"});
  look();
  EXPECT_EQ(house.executor.run(index.totals(kAlice))->letters, 6u);
}

TEST_F(ImapDocuments, OfManyAndLargeOnesTheBeginning) {
  std::string large;
  while (large.size() < (2u << 20) + 1000) large += "filling words ";
  deliver("large", {"early " + large + " lateword"});
  deliver("many", std::vector<std::string>(40, "some"));
  look();
  EXPECT_EQ(extractor.begun, 17);
  EXPECT_EQ(found("FUZZY BODY early"), "* SEARCH 1");
  EXPECT_EQ(found("FUZZY BODY lateword"), "* SEARCH");
}

// Two sessions ask the same again and again, one that remembers what looks have told, one that does not,
// while messages come and go.
TEST_F(ImapIndex, WhatWasSeenBeforeIsRememberedRightly) {
  fill(130);
  bring_up_to_date();
  std::vector<std::string> keys;
  for (int i = 0; i < 25; i++) keys.push_back(condition());
  for (int round = 0; round < 4; round++) {
    house.remembers = true;
    auto with = selected(round % 2 == 0 ? &index : nullptr);
    house.remembers = false;
    auto without = selected(nullptr);
    auto other = selected(nullptr);
    house.remembers = true;
    const size_t from = 1 + mail.below(100);
    other->ask("a STORE " + std::to_string(from) + " +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n");
    fill(3);
    for (const std::string& key : keys) {
      const std::string command = "t SEARCH CHARSET UTF-8 " + key + "\r\n";
      const auto found_by = [&command](Client& client) {
        const std::string answer = client.ask(command);
        return answer.substr(answer.find("* SEARCH"));
      };
      const std::string right = found_by(*without);
      ASSERT_EQ(found_by(*with), right) << command;
      ASSERT_EQ(found_by(*with), right) << command;
    }
  }
  EXPECT_GT(house.recall.size(), 5u);
}

// Another UIDVALIDITY, or the store of before under the index of now.
TEST_F(ImapIndex, UidsThatNameOtherLettersAreNoticed) {
  fill(120);
  bring_up_to_date();
  ASSERT_TRUE(house.executor.run(house.store.renew_validity(kAlice)));
  EXPECT_EQ(told("needle"), 0u);
  bring_up_to_date();
  EXPECT_EQ(told("needle"), 120u);
  expect_same(20);
}

// RFC 5322 section 2.2.3: unfolding leaves the TAB that a line began with.
TEST_F(ImapIndex, AFoldWithATabIsASpace) {
  for (int i = 0; i < 40; i++) house.deliver(kAlice, "INBOX", "Subject: folded\r\n\r\nx\r\n");
  house.deliver(kAlice, "INBOX",
                "Subject:\r\n folded\r\n\tsubject\r\nX-Thing: a\r\n\tb\r\n\r\nin\tthe body\r\n");
  bring_up_to_date();
  for (search::Index* with : {&index, static_cast<search::Index*>(nullptr)}) {
    auto client = selected(with);
    for (const std::string key :
         {"SUBJECT \"folded subject\"", "SUBJECT \"folded\tsubject\"", "TEXT \"FOLDED Subject\"",
          "TEXT \"folded\tsubject\"", "HEADER Subject \"d s\"", "HEADER X-Thing \"a b\"",
          "HEADER X-Thing \"a\tb\"", "BODY \"in\tthe\"", "TEXT \"in\tthe\""}) {
      EXPECT_EQ(client->ask("t SEARCH " + key + "\r\n"), "* SEARCH 41\r\nt OK SEARCH done\r\n") << key;
    }
    for (const std::string key : {"BODY \"in the\"", "TEXT \"in the\"", "SUBJECT \"folded  subject\""}) {
      EXPECT_EQ(client->ask("t SEARCH " + key + "\r\n"), "* SEARCH\r\nt OK SEARCH done\r\n") << key;
    }
  }
}

}  // namespace
}  // namespace posthouse::access::imap::test
