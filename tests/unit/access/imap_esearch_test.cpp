// What ESEARCH tells and "$" holds is what SEARCH tells (RFC 4731, RFC 5182), over random mailboxes.
#include <gtest/gtest.h>

#include <sstream>

#include "access/imap/search_result.h"
#include "imap_house.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap::test {
namespace {

class ImapEsearch : public testing::TestWithParam<uint64_t> {};

// The numbers of "* SEARCH 1 2 3".
std::vector<uint32_t> numbers_of(const std::string& answer) {
  std::istringstream words(answer.substr(0, answer.find('\r')));
  std::string word;
  words >> word >> word;
  EXPECT_EQ(word, "SEARCH") << answer;
  std::vector<uint32_t> found;
  for (uint32_t number = 0; words >> number;) found.push_back(number);
  return found;
}

std::string expected(const std::vector<uint32_t>& found, bool uid) {
  std::string out = "* ESEARCH (TAG \"t\")";
  if (uid) out += " UID";
  if (!found.empty()) {
    out += " MIN " + std::to_string(found.front()) + " MAX " + std::to_string(found.back());
  }
  out += " COUNT " + std::to_string(found.size());
  if (!found.empty()) {
    out += " ALL ";
    wire::imap::append_sequence_set(out, found);
  }
  return out + "\r\nt OK SEARCH done\r\n";
}

TEST_P(ImapEsearch, TellsWhatSearchTells) {
  std::mt19937_64 dice(GetParam());
  House house;
  const size_t messages = dice() % 80;
  for (size_t n = 0; n < messages; n++) {
    store::FlagSet flags;
    flags.system = static_cast<uint8_t>(dice() % 2 == 0 ? store::kSeen : store::kFlagged);
    if (dice() % 3 == 0) flags.system |= store::kDeleted;
    house.deliver(1, "INBOX", "Subject: " + std::string(dice() % 2 == 0 ? "odd" : "even") + "\r\n\r\nx\r\n",
                  flags);
  }
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\nb EXPUNGE\r\n");
  for (const std::string key :
       {"ALL", "SEEN", "NOT SEEN", "SUBJECT odd", "OR FLAGGED SUBJECT even", "2:*", "ANSWERED"}) {
    for (const bool uid : {false, true}) {
      const std::string verb = uid ? "UID SEARCH " : "SEARCH ";
      const std::string plain = client->ask("p " + verb + key + "\r\n");
      const std::vector<uint32_t> found = numbers_of(plain);
      EXPECT_EQ(client->ask("t " + verb + "RETURN (SAVE ALL COUNT MIN MAX) " + key + "\r\n"),
                expected(found, uid))
          << key;
      EXPECT_EQ(client->ask("p " + verb + "$\r\n"), plain) << key;
      EXPECT_EQ(client->ask("t " + verb + "RETURN (MIN) " + key + "\r\n"),
                "* ESEARCH (TAG \"t\")" + std::string(uid ? " UID" : "") +
                    (found.empty() ? "" : " MIN " + std::to_string(found.front())) +
                    "\r\nt OK SEARCH done\r\n")
          << key;
    }
  }
}

// RFC 4731 section 3.2: MODSEQ is of the messages that are told.
TEST(ImapSearchResult, ModseqOfWhatIsTold) {
  using R = wire::imap::Search;
  const std::pair<uint8_t, const char*> cases[] = {
      {R::kMin, "* ESEARCH (TAG \"t\") UID MIN 10 MODSEQ 5\r\n"},
      {R::kMax, "* ESEARCH (TAG \"t\") UID MAX 12 MODSEQ 7\r\n"},
      {R::kMin | R::kMax, "* ESEARCH (TAG \"t\") UID MIN 10 MAX 12 MODSEQ 7\r\n"},
      {R::kCount, "* ESEARCH (TAG \"t\") UID COUNT 3 MODSEQ 9\r\n"},
      {R::kAll, "* ESEARCH (TAG \"t\") UID ALL 10:12 MODSEQ 9\r\n"},
      {R::kSave, ""},
  };
  for (const auto& [wanted, answer] : cases) {
    SearchResult result(wanted, true);
    result.add({10, 1, 5});
    result.add({11, 2, 9});
    result.add({12, 3, 7});
    std::string out;
    result.append_response(out, "t", true);
    EXPECT_EQ(out, answer);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ImapEsearch, testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace posthouse::access::imap::test
