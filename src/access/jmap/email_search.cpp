#include "access/jmap/email_search.h"

#include <algorithm>

#include "access/jmap/letter_source.h"
#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/yield.h"
#include "message/body_lists.h"
#include "message/encoded_word.h"
#include "message/limits.h"

namespace posthouse::access::jmap {
namespace {

using Where = Needle::Where;

Truth truth(bool yes) {
  return yes ? Truth::yes : Truth::no;
}

search::Question question_of(const Needle& needle) {
  switch (needle.where) {
    case Where::text:
      return {{search::Field::header, search::Field::body}, needle.text};
    case Where::subject:
      return {{search::Field::subject}, needle.text};
    case Where::body:
      return {{search::Field::body}, needle.text};
    case Where::header:
      return {{search::Field::header}, needle.text};
    default:
      return {{search::Field::addresses}, needle.text};
  }
}

// Whether what the index has found is what was looked for: it does not tell From from To.
bool index_says_yes(Where where) {
  return where == Where::text || where == Where::subject || where == Where::body;
}

bool contains_any(const std::vector<std::string>& texts, const std::string& key) {
  return std::ranges::any_of(texts,
                             [&](const std::string& text) { return message::contains_text(text, key); });
}

std::vector<std::string> address_texts(const std::vector<message::EnvelopeAddress>& addresses) {
  std::vector<std::string> out;
  for (const message::EnvelopeAddress& one : addresses) out.push_back(message::address_text(one));
  return out;
}

std::vector<std::string> envelope_texts(Where where, const message::Envelope& envelope) {
  switch (where) {
    case Where::from:
      return address_texts(envelope.from);
    case Where::to:
      return address_texts(envelope.to);
    case Where::cc:
      return address_texts(envelope.cc);
    case Where::bcc:
      return address_texts(envelope.bcc);
    default:
      return {message::decode_words(envelope.subject)};
  }
}

bool of_envelope(Where where) {
  return where != Where::text && where != Where::body && where != Where::header;
}

std::vector<std::string> keys_of(const EmailFilter& filter, const std::vector<size_t>& needles,
                                 bool of_fields) {
  std::vector<std::string> out;
  for (const size_t at : needles) {
    const std::string& text = filter.needles()[at].text;
    out.push_back(of_fields ? message::field_form(text) : text);
  }
  return out;
}

std::vector<size_t> texts_of(const EmailFilter& filter) {
  std::vector<size_t> out;
  for (size_t at = 0; at < filter.needles().size(); ++at) {
    const Where where = filter.needles()[at].where;
    if (where == Where::text || where == Where::body) out.push_back(at);
  }
  return out;
}

// One that went meanwhile, or can't be read, matches nothing; other faults end the search.
bool is_lost(const Fault& fault) {
  return fault.kind == FaultKind::not_found || fault.kind == FaultKind::corrupt;
}

}  // namespace

Task<Result<KeywordSets>> read_keywords(const Services& services, store::AccountId account,
                                        std::set<std::string> keywords) {
  KeywordSets out;
  if (keywords.empty()) co_return out;
  Result<std::vector<store::MailboxInfo>> mailboxes = co_await services.store.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  for (const store::MailboxInfo& mailbox : *mailboxes) {
    for (store::Uid next = 1; next < mailbox.uid_next;) {
      Result<std::vector<store::Entry>> entries =
          co_await services.store.entries(account, mailbox.id, next, UINT32_MAX, kQueryTogether, false);
      if (!entries && is_lost(entries.error())) break;
      if (!entries) co_return std::unexpected(entries.error());
      if (entries->empty()) break;
      next = entries->back().uid + 1;
      for (const store::Entry& entry : *entries) {
        if ((entry.flags.system & store::kDeleted) != 0) continue;
        for (const std::string& keyword : entry.flags.keywords) {
          const std::string lower = to_lower(keyword);
          if (keywords.contains(lower)) out[lower].insert(entry.email);
        }
      }
    }
  }
  co_return out;
}

EmailSearch::EmailSearch(const Services& services, store::AccountId account, SheetPointer sheet,
                         const EmailFilter& filter, const KeywordSets& sets)
    : services_(services),
      account_(account),
      sheet_(std::move(sheet)),
      filter_(filter),
      sets_(sets),
      fresh_(keys_of(filter, texts_of(filter), false)),
      fresh_of_fields_(keys_of(filter, texts_of(filter), true)),
      texts_(texts_of(filter)) {
  for (const Needle& needle : filter.needles()) {
    needs_body_ = needs_body_ || needle.where == Where::body || needle.where == Where::text;
    needs_header_ = needs_header_ || needle.where == Where::header || needle.where == Where::text;
  }
  for (const Needle& needle : filter.needles()) {
    const bool can_be_asked = questions_.size() < kIndexNeedles && !needle.text.empty() &&
                              needle.text.size() <= message::limits::kSearchKey;
    if (!can_be_asked) break;
    questions_.push_back(question_of(needle));
  }
}

EmailFacts EmailSearch::facts_of(const SheetLetter& letter) const {
  EmailFacts facts{*sheet_, sheet_->rows(letter), sets_};
  facts.needles.assign(filter_.needles().size(), Truth::unknown);
  return facts;
}

Task<Result<std::vector<SheetLetter>>> EmailSearch::matching(std::span<const SheetLetter> letters) {
  std::vector<SheetLetter> out;
  for (size_t begin = 0; begin < letters.size(); begin += kQueryTogether) {
    const auto some = letters.subspan(begin, std::min(kQueryTogether, letters.size() - begin));
    std::vector<bool> matches(some.size());
    std::vector<Open> open;
    for (size_t at = 0; at < some.size(); ++at) {
      EmailFacts facts = facts_of(some[at]);
      const Truth answer = filter_.ask(facts);
      matches[at] = answer == Truth::yes;
      if (answer == Truth::unknown) open.push_back({at, std::move(facts)});
    }
    if (!open.empty()) {
      Result<void> looked = co_await look_at(open, matches);
      if (!looked) co_return std::unexpected(looked.error());
    }
    for (size_t at = 0; at < some.size(); ++at) {
      if (matches[at]) out.push_back(some[at]);
    }
    co_await LetOthers();
  }
  co_return out;
}

Task<Result<void>> EmailSearch::ask_index(store::MailboxId mailbox) {
  std::optional<search::Answer>& answer = answers_[mailbox];
  Result<store::MailboxInfo> info = co_await services_.store.mailbox(account_, mailbox);
  if (!info && is_lost(info.error())) co_return Result<void>();
  if (!info) co_return std::unexpected(info.error());
  Result<std::optional<search::Answer>> told =
      co_await services_.index->ask(account_, mailbox, info->uid_validity, questions_);
  // It only helps: without it the letters are looked at.
  if (!told) log::warn("jmap.index_not_asked", {{"what", told.error().what}});
  if (told) answer = std::move(*told);
  co_return Result<void>();
}

Task<Result<void>> EmailSearch::add_index_answers(std::vector<Open>& open) {
  if (services_.index == nullptr || questions_.empty()) co_return Result<void>();
  for (Open& one : open) {
    const catalog::SheetRow& row = one.facts.rows.front();
    if (!answers_.contains(row.mailbox)) {
      Result<void> asked = co_await ask_index(row.mailbox);
      if (!asked) co_return asked;
    }
    const std::optional<search::Answer>& answer = answers_.at(row.mailbox);
    if (!answer) continue;
    const auto at = std::ranges::lower_bound(answer->uids, row.uid);
    if (at == answer->uids.end() || *at != row.uid) continue;
    const auto index = static_cast<size_t>(at - answer->uids.begin());
    for (size_t needle = 0; needle < questions_.size(); ++needle) {
      const Truth told = answer->truths[needle][index];
      if (told == Truth::no || (told == Truth::yes && index_says_yes(filter_.needles()[needle].where)))
        one.facts.needles[needle] = told;
    }
  }
  co_return Result<void>();
}

// By mailbox, so many at once that their summaries have room.
Task<Result<void>> EmailSearch::look_at(std::vector<Open>& open, std::vector<bool>& matches) {
  Result<void> asked = co_await add_index_answers(open);
  if (!asked) co_return asked;
  std::map<catalog::Place, Open*> waiting;
  for (Open& one : open) {
    const Truth answer = filter_.ask(one.facts);
    matches[one.at] = answer == Truth::yes;
    const catalog::SheetRow& row = one.facts.rows.front();
    if (answer == Truth::unknown) waiting.emplace(catalog::Place{row.mailbox, row.uid}, &one);
  }
  while (!waiting.empty()) {
    const store::MailboxId mailbox = waiting.begin()->first.mailbox;
    std::vector<store::Uid> uids;
    std::map<store::Uid, Open*> some;
    while (!waiting.empty() && waiting.begin()->first.mailbox == mailbox && uids.size() < kReadTogether) {
      uids.push_back(waiting.begin()->first.uid);
      some.emplace(uids.back(), waiting.begin()->second);
      waiting.erase(waiting.begin());
    }
    Result<std::vector<store::Entry>> entries =
        co_await services_.store.entries(account_, mailbox, std::move(uids), true);
    if (!entries && is_lost(entries.error())) continue;
    if (!entries) co_return std::unexpected(entries.error());
    for (const store::Entry& entry : *entries) {
      Open& one = *some.at(entry.uid);
      Result<bool> found = co_await look_at_one(one.facts, entry);
      if (!found && !is_lost(found.error())) co_return std::unexpected(found.error());
      matches[one.at] = found && *found;
    }
    co_await LetOthers();
  }
  co_return Result<void>();
}

void EmailSearch::learn_summary(EmailFacts& facts, const message::Summary& summary) const {
  if (summary.overview) facts.has_attachment = truth(summary.overview->has_attachment);
  for (size_t at = 0; at < filter_.needles().size(); ++at) {
    const Needle& needle = filter_.needles()[at];
    if (of_envelope(needle.where) && facts.needles[at] == Truth::unknown)
      facts.needles[at] = truth(contains_any(envelope_texts(needle.where, summary.envelope), needle.text));
  }
}

Task<Result<bool>> EmailSearch::look_at_one(EmailFacts& facts, const store::Entry& entry) {
  Result<message::Summary> summary = message::decode(entry.summary);
  if (!summary) co_return false;  // damaged: reported when it is fetched
  learn_summary(facts, *summary);
  if (!summary->overview) facts.has_attachment = truth(message::has_attachment(summary->root));
  const Truth answer = filter_.ask(facts);
  if (answer != Truth::unknown) co_return answer == Truth::yes;
  co_return co_await look_into(facts, entry, *summary);
}

void EmailSearch::learn_header(EmailFacts& facts, const std::string& header) const {
  message::TextSearch found = fresh_of_fields_;
  found.feed(message::header_text(header));
  found.end_text();
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (filter_.needles()[texts_[i]].where == Where::text && found.found(i))
      facts.needles[texts_[i]] = Truth::yes;
  }
  for (size_t at = 0; at < filter_.needles().size(); ++at) {
    const Needle& needle = filter_.needles()[at];
    if (needle.where != Where::header) continue;
    const std::vector<std::string> values = message::field_texts(header, needle.field);
    facts.needles[at] = truth(needle.text.empty() ? !values.empty() : contains_any(values, needle.text));
  }
}

// The octets of the letter, as far as they are needed.
Task<Result<bool>> EmailSearch::look_into(EmailFacts& facts, const store::Entry& entry,
                                          const message::Summary& summary) {
  const LetterSource source(services_, account_, entry);
  if (needs_header_) {
    Result<std::string> header =
        co_await source.read(0, message::searched_header(0, summary.root.body_begin));
    if (!header) co_return std::unexpected(header.error());
    learn_header(facts, *header);
    const Truth answer = filter_.ask(facts);
    if (answer != Truth::unknown) co_return answer == Truth::yes;
  }
  message::TextSearch in_fields = fresh_of_fields_, in_body = fresh_;
  for (const message::Part* part : message::parts_with_headers(summary)) {
    const uint64_t length = message::searched_header(part->header_begin, part->body_begin);
    if (length == 0 || !needs_header_) continue;
    Result<std::string> header = co_await source.read(part->header_begin, length);
    if (!header) co_return std::unexpected(header.error());
    in_fields.feed(message::header_text(*header));
    in_fields.end_text();
  }
  Result<void> searched = co_await search_body(entry, summary, in_body);
  if (!searched) co_return std::unexpected(searched.error());
  for (size_t i = 0; i < texts_.size(); ++i) {
    Truth& answer = facts.needles[texts_[i]];
    const bool in_header = filter_.needles()[texts_[i]].where == Where::text && in_fields.found(i);
    if (answer == Truth::unknown) answer = truth(in_header || in_body.found(i));
  }
  co_return filter_.ask(facts) == Truth::yes;
}

Task<Result<void>> EmailSearch::search_body(const store::Entry& entry, const message::Summary& summary,
                                            message::TextSearch& search) {
  const LetterSource source(services_, account_, entry);
  for (const message::Part* part : message::text_parts(summary)) {
    message::PartTextDecoder decoder(*part);
    for (uint64_t at = part->body_begin; at < part->body_end && !search.all_found(); at += kBlobPiece) {
      Result<std::string> piece =
          co_await source.read(at, std::min<uint64_t>(part->body_end - at, kBlobPiece));
      if (!piece) co_return std::unexpected(piece.error());
      std::string text;
      decoder.feed(*piece, text);
      search.feed(text);
    }
    std::string rest;
    decoder.finish(rest);
    search.feed(rest);
    search.end_text();
  }
  co_return Result<void>();
}

}  // namespace posthouse::access::jmap
