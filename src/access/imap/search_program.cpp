#include "access/imap/search_program.h"

#include <algorithm>
#include <chrono>

#include "access/imap/limits.h"
#include "access/imap/object_id.h"
#include "base/ascii.h"
#include "message/encoded_word.h"
#include "message/limits.h"
#include "search/limits.h"
#include "wire/imap/partial.h"

namespace posthouse::access::imap {

namespace {

using K = wire::imap::SearchKey;

enum class Cost : uint8_t { view, flags, entry, summary, header, body, children };

Cost cost_of(K::Type type) {
  switch (type) {
    case K::all:
    case K::save_date_supported:
    case K::thread_id:
    case K::filter:  // those that are there were put in already
    case K::recent:
    case K::old:
    case K::sequence:
    case K::uid:
    case K::uid_after:
    case K::uid_before:
      return Cost::view;
    case K::flag_set:
    case K::flag_unset:
    case K::keyword:
    case K::unkeyword:
    case K::is_new:
    case K::modseq:
      return Cost::flags;
    case K::before:
    case K::on:
    case K::since:
    case K::larger:
    case K::smaller:
    case K::older:
    case K::younger:
    case K::email_id:
    case K::saved_before:
    case K::saved_on:
    case K::saved_since:
      return Cost::entry;
    case K::sent_before:
    case K::sent_on:
    case K::sent_since:
    case K::from:
    case K::to:
    case K::cc:
    case K::bcc:
    case K::subject:
      return Cost::summary;
    case K::header:
      return Cost::header;
    case K::body:
    case K::text_:
      return Cost::body;
    case K::and_:
    case K::or_:
    case K::not_:
    case K::fuzzy:
      break;
  }
  return Cost::children;
}

bool of_entry(Cost cost) {
  return cost == Cost::flags || cost == Cost::entry;
}

Truth truth(bool value) {
  return value ? Truth::yes : Truth::no;
}

bool has_keyword(const store::FlagSet& flags, const std::string& keyword) {
  return std::any_of(flags.keywords.begin(), flags.keywords.end(),
                     [&](const std::string& have) { return iequals(have, keyword); });
}

// Names and addresses of a field, decoded, one text each.
std::vector<std::string> address_texts(const std::vector<message::EnvelopeAddress>& list) {
  std::vector<std::string> texts;
  for (const message::EnvelopeAddress& address : list) texts.push_back(message::address_text(address));
  return texts;
}

bool any_contains(const std::vector<std::string>& texts, const std::string& key) {
  return std::ranges::any_of(texts, [&](const auto& text) { return message::contains_text(text, key); });
}

// What a key of one of these fields looks into.
std::vector<std::string> texts_of(K::Type type, const message::Envelope& envelope) {
  switch (type) {
    case K::from:
      return address_texts(envelope.from);
    case K::to:
      return address_texts(envelope.to);
    case K::cc:
      return address_texts(envelope.cc);
    case K::bcc:
      return address_texts(envelope.bcc);
    default:  // SUBJECT
      if (!envelope.has_subject) return {};
      return {message::decode_words(envelope.subject)};
  }
}

// RFC 6203 section 5: how far a day, or a number, is from where it would match exactly.
int64_t days_off(K::Type type, int64_t wanted, int64_t day) {
  switch (type) {
    case K::before:
    case K::sent_before:
    case K::saved_before:
      return std::max<int64_t>(0, day - (wanted - 1));
    case K::since:
    case K::sent_since:
    case K::saved_since:
      return std::max<int64_t>(0, wanted - day);
    default:
      return std::max(day - wanted, wanted - day);
  }
}

uint8_t score_of_distance(int64_t distance, int64_t most) {
  if (distance > most) return 0;
  return static_cast<uint8_t>(100 - 100 * static_cast<double>(distance) / (static_cast<double>(most) + 1));
}

bool is_of_day(K::Type type) {
  return type == K::before || type == K::on || type == K::since || type == K::sent_before ||
         type == K::sent_on || type == K::sent_since || type == K::saved_before || type == K::saved_on ||
         type == K::saved_since;
}

// RFC 9738 section 3.2. Unlike UID n:* never the last message if it is not behind n.
std::vector<wire::imap::NumberRange> beside(const View& view, const K& key) {
  const auto uid = static_cast<store::Uid>(key.number);
  const bool after = key.type == K::uid_after;
  const uint32_t at = view.uids.lower_bound(uid);  // of the UID, or the next
  const uint32_t first = after ? at + (view.uids.contains(uid) ? 1 : 0) : 1;
  const uint32_t last = after ? view.uids.size() : at - 1;
  if (first > last) return {};
  return {{first, last}};
}

bool is_of_size(K::Type type) {
  return type == K::larger || type == K::smaller;
}

// The date in its own zone: time and zone are disregarded.
int64_t sent_day(const message::Summary& summary) {
  const auto local =
      std::chrono::seconds(summary.date_seconds) + std::chrono::minutes(summary.date_offset_minutes);
  return std::chrono::floor<std::chrono::days>(local).count();
}

// RFC 8514 section 4.3: the internal date stands in where no save date is known.
int64_t saved_day(const store::Entry& entry) {
  const SystemTime when = entry.saved == SystemTime{} ? entry.internal_date : entry.saved;
  return std::chrono::floor<std::chrono::days>(when).time_since_epoch().count();
}

}  // namespace

SearchProgram::SearchProgram(const K& key, const View& view, SystemTime now, bool scored)
    : view_(view),
      now_(std::chrono::floor<std::chrono::seconds>(now)),
      scored_(scored),
      root_(compile(key, false)) {
  if (!view.uids.empty()) candidates_ = {{1, view.uids.size()}};
  narrow(root_);
  entry_may_settle_ = std::any_of(root_.children.begin(), root_.children.end(),
                                  [](const Node& child) { return of_entry(cost_of(child.type)); });
}

void SearchProgram::narrow(const Node& all_of) {
  for (const Node& child : all_of.children) {
    if (child.type == K::and_) narrow(child);
    if (child.type == K::sequence || child.type == K::uid)
      candidates_ = wire::imap::intersect(candidates_, child.messages);
  }
}

void SearchProgram::note_needs(K::Type type) {
  const Cost cost = cost_of(type);
  needs_entry_ |= cost >= Cost::flags && cost != Cost::children;
  needs_more_than_flags_ |= cost == Cost::entry;
  needs_summary_ |= cost >= Cost::summary && cost != Cost::children;
  needs_header_ |= cost == Cost::header || type == K::text_;
  needs_body_ |= cost == Cost::body;
  needs_part_headers_ |= type == K::text_;
}

namespace {

// The fields of the index that tell of a key: of BODY, TEXT and SUBJECT all, of the others only who can't
// have it, since it may stand in another address or field.
std::vector<search::Field> index_fields(K::Type type, bool fuzzy) {
  switch (type) {
    case K::body:
      return {search::Field::body};
    case K::text_:
      if (fuzzy) return {search::Field::subject, search::Field::header, search::Field::body};
      return {search::Field::header, search::Field::body};
    case K::subject:
      return {search::Field::subject};
    case K::from:
    case K::to:
    case K::cc:
    case K::bcc:
      return {search::Field::addresses};
    case K::header:
      return {search::Field::header};
    default:
      return {};
  }
}

bool index_says_yes(K::Type type) {
  return type == K::body || type == K::text_ || type == K::subject;
}

}  // namespace

void SearchProgram::note_question(Node& node) {
  std::vector<search::Field> fields = index_fields(node.type, node.like != nullptr);
  if (fields.empty() || node.text.empty() || node.text.size() > message::limits::kSearchKey) return;
  if (questions_.size() == kIndexQuestions) return;  // the letters are looked at for all others
  node.question = questions_.size();
  const bool documents = node.like != nullptr && (node.type == K::body || node.type == K::text_);
  asks_documents_ = asks_documents_ || documents;
  questions_.push_back({std::move(fields), node.text, node.like != nullptr, documents});
  std::string key;
  if (!node.like) key.append(std::to_string(static_cast<int>(node.type))).append(" ").append(node.name);
  if (!node.like) key.append(1, '\0').append(node.text);
  question_keys_.push_back(std::move(key));
}

// A key of text: exact, or fuzzy if it has words to go by. Each fuzzy one is compared with every word of a
// text: of many the last ones are exact (RFC 6203 section 8).
void SearchProgram::note_text(Node& node) {
  const bool in_texts = node.type == K::body || node.type == K::text_;
  const bool has_text = !index_fields(node.type, false).empty();
  const bool room = likes_ < search::kFuzzyKeys && node.text.size() <= message::limits::kSearchKey;
  if (has_text && node.fuzzy && room) {
    auto like = std::make_shared<const search::FuzzyKey>(node.text);
    if (!like->words().empty()) {
      node.like = std::move(like);
      likes_++;
    }
  }
  if (in_texts && node.like) {
    node.like_index = fuzzy_keys_.size();
    fuzzy_keys_.push_back({node.like, node.type == K::body});
  } else if (in_texts) {
    node.text_index = texts_.size();
    texts_.push_back(node.text);
  }
  note_question(node);
}

// The grammar has bounded the depth. `fuzzy`: within FUZZY, but not within NOT: what is like the key by far
// is not to be left out.
SearchProgram::Node SearchProgram::compile(const K& key, bool fuzzy) {
  if (key.type == K::fuzzy) return compile(key.children.front(), true);
  Node node;
  node.type = key.type;
  node.number = key.number;
  node.name = key.name;
  node.text = key.text;
  node.fuzzy = fuzzy;
  note_needs(key.type);
  if (key.type == K::sequence || key.type == K::uid) {
    node.messages = messages_of(view_, key.set, key.type == K::uid);
  }
  if (key.type == K::uid_after || key.type == K::uid_before) {
    node.type = K::uid;
    node.messages = beside(view_, key);
  }
  note_text(node);
  node.fuzzy = node.like != nullptr || (fuzzy && (is_of_day(key.type) || is_of_size(key.type)));
  node.children.reserve(key.children.size());
  for (const K& child : key.children) {
    node.children.push_back(compile(child, fuzzy && key.type != K::not_));
    node.fuzzy = node.fuzzy || (key.type != K::not_ && node.children.back().fuzzy);
  }
  // Cheap questions first: a "no" saves the others.
  if (key.type == K::and_) {
    std::sort(node.children.begin(), node.children.end(),
              [](const Node& a, const Node& b) { return cost_of(a.type) < cost_of(b.type); });
  }
  return node;
}

Truth SearchProgram::ask(const Node& node, const SearchFacts& facts) const {
  if (node.question && facts.index != nullptr) {
    const Truth told = facts.index->at(*node.question, facts.sequence);
    if (told == Truth::no) return told;
    const bool sure = index_says_yes(node.type) || facts.index->is_seen(*node.question, facts.sequence);
    if (told == Truth::yes && sure) return told;
  }
  switch (node.type) {
    case K::all:
    case K::save_date_supported:
      return Truth::yes;
    case K::filter:
    case K::fuzzy:  // what was in it stands in its place
    case K::thread_id:
      return Truth::no;  // no message has one (RFC 8474 section 5.2)
    case K::recent:
      return truth(view_.is_recent(facts.uid));
    case K::old:
      return truth(!view_.is_recent(facts.uid));
    case K::sequence:
    case K::uid:
    case K::uid_after:  // as K::uid
    case K::uid_before:
      return truth(wire::imap::contains(node.messages, facts.sequence));
    case K::and_:
      return ask_children(node, facts, Truth::no);
    case K::or_:
      return ask_children(node, facts, Truth::yes);
    case K::not_: {
      const Truth inner = ask(node.children.front(), facts);
      return inner == Truth::unknown ? inner : truth(inner == Truth::no);
    }
    case K::header: {
      if (facts.header == nullptr) return Truth::unknown;
      if (node.like) return truth(score(node, facts) > 0);
      // An empty key asks only whether the field is there.
      return truth(any_contains(message::field_texts(*facts.header, node.name), node.text));
    }
    case K::body:
    case K::text_:
      return ask_texts(node, facts);
    default:
      break;
  }
  if (node.fuzzy) {
    const bool known = of_entry(cost_of(node.type)) ? facts.entry != nullptr : facts.summary != nullptr;
    return known ? truth(score(node, facts) > 0) : Truth::unknown;
  }
  if (of_entry(cost_of(node.type))) {
    return facts.entry == nullptr ? Truth::unknown : ask_entry(node, *facts.entry);
  }
  return facts.summary == nullptr ? Truth::unknown : ask_summary(node, *facts.summary);
}

Truth SearchProgram::ask_texts(const Node& node, const SearchFacts& facts) const {
  if (node.like) {
    if (facts.fuzzy_texts == nullptr) return Truth::unknown;
    const bool found = facts.fuzzy_texts->score(node.like_index) > 0;
    if (found && !scored_) return Truth::yes;
    return facts.all_texts ? truth(found) : Truth::unknown;
  }
  const bool in_header =
      node.type == K::text_ && facts.header_text != nullptr && facts.header_text->found(node.text_index);
  if (in_header) return Truth::yes;
  return facts.body_text == nullptr ? Truth::unknown : truth(facts.body_text->found(node.text_index));
}

void SearchProgram::learn(const Node& node, const SearchFacts& facts, TruthNotes& notes) const {
  for (const Node& child : node.children) learn(child, facts, notes);
  if (!node.question || node.like) return;
  const Truth truth = ask(node, facts);
  if (truth != Truth::unknown) notes.note(*node.question, facts.uid, truth == Truth::yes);
}

uint8_t SearchProgram::relevancy(const SearchFacts& facts) const {
  return root_.fuzzy ? std::max<uint8_t>(1, score(root_, facts)) : 100;
}

uint8_t SearchProgram::score(const Node& node, const SearchFacts& facts) const {
  if (!node.fuzzy) return ask(node, facts) == Truth::yes ? 100 : 0;
  if (node.type == K::and_ || node.type == K::or_) return score_children(node, facts);
  const bool by_index = node.question && facts.index != nullptr && index_says_yes(node.type) &&
                        facts.index->at(*node.question, facts.sequence) == Truth::yes;
  if (by_index) return facts.index->score(*node.question, facts.sequence);
  if (node.type == K::header)
    return facts.header == nullptr
               ? 0
               : search::fuzzy_score(node.like, message::field_texts(*facts.header, node.name));
  if (node.type == K::body || node.type == K::text_)
    return facts.fuzzy_texts == nullptr ? 0 : facts.fuzzy_texts->score(node.like_index);
  if (of_entry(cost_of(node.type))) return facts.entry == nullptr ? 0 : score_of_entry(node, *facts.entry);
  return facts.summary == nullptr ? 0 : score_of_summary(node, *facts.summary);
}

// Of several that have to match the mean; of two of which one has to the better one. What is exact does not
// count beside what is not.
uint8_t SearchProgram::score_children(const Node& node, const SearchFacts& facts) const {
  size_t sum = 0;
  size_t count = 0;
  size_t best = 0;
  for (const Node& child : node.children) {
    if (!child.fuzzy && node.type == K::and_) continue;
    const uint8_t one = score(child, facts);
    sum += one;
    best = std::max<size_t>(best, one);
    count++;
  }
  return static_cast<uint8_t>(node.type == K::or_ || count == 0 ? best : (sum + count / 2) / count);
}

uint8_t SearchProgram::score_of_entry(const Node& node, const store::Entry& entry) const {
  if (!is_of_size(node.type)) {
    const bool saved =
        node.type == K::saved_before || node.type == K::saved_on || node.type == K::saved_since;
    const int64_t day = std::chrono::floor<std::chrono::days>(entry.internal_date).time_since_epoch().count();
    return score_of_distance(days_off(node.type, node.number, saved ? saved_day(entry) : day), kFuzzyDays);
  }
  const auto size = static_cast<int64_t>(entry.size);
  const int64_t off = node.type == K::larger ? node.number - size : size - node.number;
  return score_of_distance(std::max<int64_t>(0, off), node.number / kFuzzySize);
}

uint8_t SearchProgram::score_of_summary(const Node& node, const message::Summary& summary) const {
  if (node.like) return search::fuzzy_score(node.like, texts_of(node.type, summary.envelope));
  if (!summary.has_date) return 0;
  return score_of_distance(days_off(node.type, node.number, sent_day(summary)), kFuzzyDays);
}

// AND is settled by a no, OR by a yes, unless how well it fits is wanted too.
Truth SearchProgram::ask_children(const Node& node, const SearchFacts& facts, Truth settles) const {
  const bool weighs = scored_ && node.fuzzy && settles == Truth::yes;
  bool any = false;
  bool unknown = false;
  for (const Node& child : node.children) {
    const Truth answer = ask(child, facts);
    if (answer == settles && !weighs) return settles;
    any |= answer == settles;
    unknown |= answer == Truth::unknown;
  }
  if (unknown) return Truth::unknown;
  if (any) return settles;
  return settles == Truth::no ? Truth::yes : Truth::no;
}

Truth SearchProgram::ask_entry(const Node& node, const store::Entry& entry) const {
  const auto bits = static_cast<uint8_t>(node.number);
  // RFC 5032 section 2: to the resolution of a second
  const auto seconds = std::chrono::floor<std::chrono::seconds>(entry.internal_date);
  const int64_t day = std::chrono::floor<std::chrono::days>(entry.internal_date).time_since_epoch().count();
  switch (node.type) {
    case K::flag_set:
      return truth((entry.flags.system & bits) == bits);
    case K::flag_unset:
      return truth((entry.flags.system & bits) == 0);
    case K::keyword:
      return truth(has_keyword(entry.flags, node.text));
    case K::unkeyword:
      return truth(!has_keyword(entry.flags, node.text));
    case K::is_new:
      return truth(view_.is_recent(entry.uid) && (entry.flags.system & store::kSeen) == 0);
    case K::before:
      return truth(day < node.number);
    case K::on:
      return truth(day == node.number);
    case K::since:
      return truth(day >= node.number);
    case K::larger:
      return truth(entry.size > static_cast<uint64_t>(node.number));
    case K::email_id:
      return truth(node.text == email_id(entry));
    case K::saved_before:
      return truth(saved_day(entry) < node.number);
    case K::saved_on:
      return truth(saved_day(entry) == node.number);
    case K::saved_since:
      return truth(saved_day(entry) >= node.number);
    case K::older:
      return truth(seconds <= now_ - std::chrono::seconds(node.number));
    case K::younger:
      return truth(seconds >= now_ - std::chrono::seconds(node.number));
    case K::modseq:
      return truth(entry.modseq >= static_cast<uint64_t>(node.number));
    default:
      return truth(entry.size < static_cast<uint64_t>(node.number));
  }
}

Truth SearchProgram::ask_summary(const Node& node, const message::Summary& summary) const {
  switch (node.type) {
    case K::from:
    case K::to:
    case K::cc:
    case K::bcc:
    case K::subject:
      return truth(any_contains(texts_of(node.type, summary.envelope), node.text));
    case K::sent_before:
      return truth(summary.has_date && sent_day(summary) < node.number);
    case K::sent_on:
      return truth(summary.has_date && sent_day(summary) == node.number);
    default:
      return truth(summary.has_date && sent_day(summary) >= node.number);
  }
}

}  // namespace posthouse::access::imap
