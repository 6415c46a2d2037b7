// A SEARCH made ready to be asked about one message after another (RFC 3501 section 6.4.4).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/imap/index_answers.h"
#include "access/imap/message_limit.h"
#include "access/imap/view.h"
#include "message/search_text.h"
#include "message/summary.h"
#include "search/fuzzy.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// What is known of a message so far. What is missing makes an answer `unknown`, so that dear things are read
// only for the messages that the cheap ones don't settle.
struct SearchFacts {
  store::Uid uid = 0;
  uint32_t sequence = 0;
  const IndexAnswers* index = nullptr;               // to questions()
  const store::Entry* entry = nullptr;               // flags, date, size
  const message::Summary* summary = nullptr;         // envelope, date of writing
  const std::string* header = nullptr;               // the raw header
  const message::TextSearch* header_text = nullptr;  // over texts(): in the headers, also of parts
  const message::TextSearch* body_text = nullptr;    // in the body
  const search::FuzzyTexts* fuzzy_texts = nullptr;   // over fuzzy_keys(), as far as the texts were read
  bool all_texts = false;                            // all were
};

class SearchProgram {
 public:
  // Charset conversion of the keys is done already. Sets are resolved against the view as it is now.
  // OLDER and YOUNGER count back from `now`. `scored`: relevancy() is wanted of what matches.
  SearchProgram(const wire::imap::SearchKey& key, const View& view, SystemTime now, bool scored);

  Truth ask(const SearchFacts& facts) const { return ask(root_, facts); }
  // How well a message fits that matches by the same facts: 1 to 100 (RFC 6203 section 4).
  uint8_t relevancy(const SearchFacts& facts) const;

  // The messages that can match at all, as far as sets of them tell that all have to match.
  const std::vector<wire::imap::NumberRange>& candidates() const { return candidates_; }
  // Of more only the last `most` are asked about. True: there were more.
  bool keep_last(uint32_t most) { return imap::keep_last(candidates_, most); }
  bool needs_entry() const { return needs_entry_; }
  // Of an entry something else than UID, flags and MODSEQ.
  bool needs_more_than_flags() const { return needs_more_than_flags_; }
  bool needs_summary() const { return needs_summary_; }
  bool needs_header() const { return needs_header_; }
  bool needs_body() const { return needs_body_; }
  bool needs_part_headers() const { return needs_part_headers_; }
  // Something at the top can be told from the entry alone: worth a look before reading more.
  bool entry_may_settle() const { return entry_may_settle_; }
  // The keys of TEXT and BODY, in the order that the facts' searches have them.
  const std::vector<std::string>& texts() const { return texts_; }
  // The same of fuzzy ones.
  const std::vector<search::FuzzyTexts::Key>& fuzzy_keys() const { return fuzzy_keys_; }
  bool scored() const { return scored_; }
  // What the search index may know of the keys.
  const std::vector<search::Question>& questions() const { return questions_; }
  // What tells each of them from others, for who remembers what looks at messages have told; "" of fuzzy
  // ones.
  const std::vector<std::string>& question_keys() const { return question_keys_; }
  // Notes what the facts say of the questions.
  void learn(const SearchFacts& facts, TruthNotes& notes) const { learn(root_, facts, notes); }
  // Some of them about what only the index has.
  bool asks_documents() const { return asks_documents_; }

 private:
  struct Node {
    wire::imap::SearchKey::Type type;
    int64_t number = 0;
    std::string name, text;
    size_t text_index = 0;
    std::optional<size_t> question{};
    bool fuzzy = false;                            // it, or something below it
    std::shared_ptr<const search::FuzzyKey> like;  // of a fuzzy text
    size_t like_index = 0;                         // in fuzzy_keys_, of BODY and TEXT
    std::vector<wire::imap::NumberRange> messages;
    std::vector<Node> children;
  };

  Node compile(const wire::imap::SearchKey& key, bool fuzzy);
  void note_text(Node& node);
  void narrow(const Node& all_of);
  void note_needs(wire::imap::SearchKey::Type type);
  void note_question(Node& node);
  Truth ask(const Node& node, const SearchFacts& facts) const;
  Truth ask_texts(const Node& node, const SearchFacts& facts) const;
  void learn(const Node& node, const SearchFacts& facts, TruthNotes& notes) const;
  // 0: it does not match, or that is not known.
  uint8_t score(const Node& node, const SearchFacts& facts) const;
  uint8_t score_children(const Node& node, const SearchFacts& facts) const;
  uint8_t score_of_entry(const Node& node, const store::Entry& entry) const;
  uint8_t score_of_summary(const Node& node, const message::Summary& summary) const;
  Truth ask_children(const Node& node, const SearchFacts& facts, Truth settles) const;
  Truth ask_entry(const Node& node, const store::Entry& entry) const;
  Truth ask_summary(const Node& node, const message::Summary& summary) const;

  const View& view_;
  std::chrono::sys_seconds now_;
  bool needs_entry_ = false, needs_more_than_flags_ = false, needs_summary_ = false, needs_header_ = false,
       needs_body_ = false;
  bool needs_part_headers_ = false;
  bool entry_may_settle_ = false;
  bool asks_documents_ = false;
  bool scored_;
  size_t likes_ = 0;  // nodes with `like`
  std::vector<std::string> texts_;
  std::vector<search::FuzzyTexts::Key> fuzzy_keys_;
  std::vector<search::Question> questions_;
  std::vector<std::string> question_keys_;
  std::vector<wire::imap::NumberRange> candidates_;
  Node root_;
};

}  // namespace posthouse::access::imap
