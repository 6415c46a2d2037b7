// SORT, its RETURN options and PARTIAL beside what the test works out itself; parts without their encoding.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "base/ascii.h"
#include "imap_house.h"
#include "message/transfer.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap::test {
namespace {

struct Letter {
  uint32_t uid = 0;
  std::string subject, from;
  int64_t arrived = 0;
  size_t size = 0;
};

std::vector<uint32_t> numbers_of(const std::string& answer, const std::string& word) {
  EXPECT_TRUE(answer.starts_with("* " + word)) << answer;
  std::istringstream words(answer.substr(0, answer.find('\r')));
  std::string skipped;
  words >> skipped >> skipped;
  std::vector<uint32_t> found;
  for (uint32_t number = 0; words >> number;) found.push_back(number);
  return found;
}

// Numbers in the order of a sort: rising runs alone are joined.
std::string in_order(const std::vector<uint32_t>& numbers, size_t begin, size_t end) {
  std::string out;
  while (begin < end) {
    const uint32_t first = numbers[begin];
    uint32_t last = first;
    while (++begin < end && numbers[begin] == last + 1) last++;
    out += (out.empty() ? "" : ",") + std::to_string(first);
    if (last != first) out += ":" + std::to_string(last);
  }
  return out;
}

class ImapSort : public testing::TestWithParam<uint64_t> {
 protected:
  ImapSort() : dice_(GetParam()) {
    const char* const subjects[] = {"", "Apple", "apple", "Banana", "cherry", "Re: apple", "APPLE (fwd)"};
    const char* const names[] = {"ann", "Bob", "bob", "zoe"};
    for (size_t n = dice_() % 60; n > 0; n--) {
      Letter letter;
      letter.subject = subjects[dice_() % std::size(subjects)];
      letter.from = names[dice_() % std::size(names)];
      letter.arrived = static_cast<int64_t>(dice_() % 5);
      const std::string text = "From: " + letter.from + "@x.test\r\nSubject: " + letter.subject + "\r\n\r\n" +
                               std::string(dice_() % 3, 'x') + "\r\n";
      letter.size = text.size();
      letter.uid =
          house_.deliver(1, "INBOX", text, {}, FakeClock::kStart + std::chrono::seconds(letter.arrived)).uid;
      letters_.push_back(letter);
    }
    client_ = house_.login("alice");
    client_->ask("a SELECT INBOX\r\n");
  }

  // What the letter is sorted by, so that the texts' order is the letters'.
  static std::string key_of(const Letter& letter, const std::string& criterion) {
    if (criterion == "ARRIVAL") return std::to_string(letter.arrived);
    if (criterion == "SIZE") return std::to_string(1000 + letter.size);
    std::string text = criterion == "FROM" ? letter.from : letter.subject;
    if (criterion == "SUBJECT" && text.starts_with("Re: ")) text.erase(0, 4);
    if (criterion == "SUBJECT" && text.ends_with(" (fwd)")) text.resize(text.size() - 6);
    return to_lower(text);
  }

  std::mt19937_64 dice_;
  House house_;
  std::vector<Letter> letters_;
  std::unique_ptr<Client> client_;
};

TEST_P(ImapSort, IsAsTheTestSorts) {
  const char* const criteria[] = {"ARRIVAL", "SIZE", "FROM", "SUBJECT"};
  for (int round = 0; round < 10; round++) {
    std::vector<std::pair<std::string, bool>> program;
    std::string text;
    for (size_t n = 1 + dice_() % 3; n > 0; n--) {
      program.emplace_back(criteria[dice_() % 4], dice_() % 2 == 0);
      text += (text.empty() ? "" : " ") + std::string(program.back().second ? "REVERSE " : "") +
              program.back().first;
    }
    std::vector<Letter> sorted = letters_;
    std::ranges::sort(sorted, [&](const Letter& a, const Letter& b) {
      for (const auto& [criterion, reverse] : program) {
        const int order = key_of(a, criterion).compare(key_of(b, criterion));
        if (order != 0) return reverse ? order > 0 : order < 0;
      }
      return a.uid < b.uid;
    });
    std::vector<uint32_t> expected;
    for (const Letter& letter : sorted) expected.push_back(letter.uid);
    const size_t count = expected.size();
    EXPECT_EQ(numbers_of(client_->ask("s UID SORT (" + text + ") UTF-8 ALL\r\n"), "SORT"), expected) << text;

    std::string extended = "* ESEARCH (TAG \"t\") UID";
    if (count > 0)
      extended += " MIN " + std::to_string(expected.front()) + " MAX " + std::to_string(expected.back());
    extended += " COUNT " + std::to_string(count);
    if (count > 0) extended += " ALL " + in_order(expected, 0, count);
    EXPECT_EQ(client_->ask("t UID SORT RETURN (ALL MIN COUNT MAX) (" + text + ") UTF-8 ALL\r\n"),
              extended + "\r\nt OK SORT done\r\n");

    const size_t from = dice_() % 70, to = from + dice_() % 20;
    const std::string range = std::to_string(from + 1) + ":" + std::to_string(to + 1);
    const std::string part = from < count ? in_order(expected, from, std::min(count, to + 1)) : "NIL";
    EXPECT_EQ(client_->ask("t UID SORT RETURN (SAVE PARTIAL " + range + ") (" + text + ") UTF-8 ALL\r\n"),
              "* ESEARCH (TAG \"t\") UID PARTIAL (" + range + " " + part + ")\r\nt OK SORT done\r\n");
    std::vector<uint32_t> saved;
    for (size_t i = from; i < std::min(count, to + 1); i++) saved.push_back(expected[i]);
    std::sort(saved.begin(), saved.end());
    EXPECT_EQ(numbers_of(client_->ask("s UID SEARCH $\r\n"), "SEARCH"), saved);
  }
}

// RFC 9394: the pages of a search are the search.
TEST_P(ImapSort, PagesMakeTheWhole) {
  for (const std::string key : {"ALL", "FROM bob", "SUBJECT apple", "NOT SUBJECT a"}) {
    const std::vector<uint32_t> all = numbers_of(client_->ask("s UID SEARCH " + key + "\r\n"), "SEARCH");
    for (const bool from_end : {false, true}) {
      std::vector<uint32_t> pages;
      const size_t page = 1 + dice_() % 7;
      for (size_t at = 0; at < all.size(); at += page) {
        const std::string sign = from_end ? "-" : "";
        const std::string range = sign + std::to_string(at + 1) + ":" + sign + std::to_string(at + page);
        client_->ask("t UID SEARCH RETURN (SAVE PARTIAL " + range + ") " + key + "\r\n");
        const std::vector<uint32_t> some = numbers_of(client_->ask("s UID SEARCH $\r\n"), "SEARCH");
        pages.insert(from_end ? pages.begin() : pages.end(), some.begin(), some.end());
      }
      EXPECT_EQ(pages, all) << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ImapSort, testing::Range<uint64_t>(1, 21));

// More than one piece of the stored message, with and without NULs, as a whole and in parts.
TEST(ImapBinary, GivesLargePartsDecoded) {
  std::mt19937_64 dice(5);
  for (const bool with_nul : {false, true}) {
    std::string content;
    for (size_t i = 0; i < 400'000; i++) content += static_cast<char>(1 + dice() % 255);
    if (with_nul) content[300'000] = '\0';
    std::string text = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    message::append_base64_lines(text, content);
    House house;
    house.deliver(1, "INBOX", text);
    auto client = house.login("alice");
    client->ask("a SELECT INBOX\r\n");
    EXPECT_EQ(client->ask("s FETCH 1 BINARY.SIZE[1]\r\n"),
              "* 1 FETCH (BINARY.SIZE[1] 400000)\r\ns OK FETCH done\r\n");
    const auto literal = [&](size_t offset, size_t length) {
      const std::string wanted = content.substr(std::min(offset, content.size()), length);
      const bool nul = wanted.find('\0') != std::string::npos;
      return std::string(nul ? "~{" : "{") + std::to_string(wanted.size()) + "}\r\n" + wanted;
    };
    EXPECT_EQ(client->ask("b FETCH 1 BINARY.PEEK[1]\r\n"),
              "* 1 FETCH (BINARY[1] " + literal(0, content.size()) + ")\r\nb OK FETCH done\r\n");
    for (int round = 0; round < 10; round++) {
      const size_t offset = dice() % 420'000, length = 1 + dice() % 200'000;
      const std::string from = std::to_string(offset);
      EXPECT_EQ(client->ask("b FETCH 1 BINARY.PEEK[1]<" + from + "." + std::to_string(length) + ">\r\n"),
                "* 1 FETCH (BINARY[1]<" + from + "> " + literal(offset, length) + ")\r\nb OK FETCH done\r\n");
    }
  }
}

// RFC 3516 section 4.4.
TEST(ImapBinary, RefusesToKeepNuls) {
  House house;
  auto client = house.login("alice");
  using namespace std::string_literals;
  EXPECT_EQ(client->ask("b APPEND INBOX ~{5+}\r\na\0b\r\n\r\n"s),
            "b NO [UNKNOWN-CTE] Binary content can't be kept here\r\n");
  EXPECT_EQ(client->ask("b APPEND INBOX {5+}\r\nabc\r\n ~{5+}\r\na\0b\r\n {5+}\r\nabc\r\n\r\n"s),
            "b NO [UNKNOWN-CTE] Binary content can't be kept here\r\n");
  EXPECT_EQ(client->ask("s STATUS INBOX (MESSAGES)\r\n"),
            "* STATUS INBOX (MESSAGES 0)\r\ns OK STATUS done\r\n");
}

}  // namespace
}  // namespace posthouse::access::imap::test
