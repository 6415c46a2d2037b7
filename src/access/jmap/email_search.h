// Asks letters about a filter: what the sheet tells first, then the search index, then the letters
// themselves.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "access/jmap/email_filter.h"
#include "access/jmap/server.h"
#include "message/search_text.h"

namespace posthouse::access::jmap {

using SheetPointer = std::shared_ptr<const catalog::Sheet>;
using SheetLetter = catalog::Sheet::Letter;

// Reads which letters have these keywords, in lower case: through all of the account. Nothing for none.
Task<Result<KeywordSets>> read_keywords(const Services& services, store::AccountId account,
                                        std::set<std::string> keywords);

class EmailSearch {
 public:
  // All of it outlives the search. `sets`: of all keywords of the filter.
  EmailSearch(const Services& services, store::AccountId account, SheetPointer sheet,
              const EmailFilter& filter, const KeywordSets& sets);

  // Those of `letters` that match, in their order. Memory is bounded by their number.
  Task<Result<std::vector<SheetLetter>>> matching(std::span<const SheetLetter> letters);

 private:
  struct Open {  // a letter of which it is not known yet
    size_t at;   // among those that are asked
    EmailFacts facts;
  };
  Task<Result<void>> ask_index(store::MailboxId mailbox);
  Task<Result<void>> add_index_answers(std::vector<Open>& open);
  Task<Result<void>> look_at(std::vector<Open>& open, std::vector<bool>& matches);
  Task<Result<bool>> look_at_one(EmailFacts& facts, const store::Entry& entry);
  Task<Result<bool>> look_into(EmailFacts& facts, const store::Entry& entry, const message::Summary& summary);
  Task<Result<void>> search_body(const store::Entry& entry, const message::Summary& summary,
                                 message::TextSearch& search);
  void learn_summary(EmailFacts& facts, const message::Summary& summary) const;
  void learn_header(EmailFacts& facts, const std::string& header) const;
  EmailFacts facts_of(const SheetLetter& letter) const;

  const Services& services_;
  store::AccountId account_;
  SheetPointer sheet_;
  const EmailFilter& filter_;
  const KeywordSets& sets_;
  std::vector<search::Question> questions_;  // the first needles
  std::map<store::MailboxId, std::optional<search::Answer>>
      answers_{};                                // of the mailboxes that were asked about
  message::TextSearch fresh_, fresh_of_fields_;  // copied for each letter
  std::vector<size_t> texts_;                    // needles that these look for
  bool needs_header_ = false, needs_body_ = false;
};

}  // namespace posthouse::access::jmap
