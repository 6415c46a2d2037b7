#include "access/imap/search_program.h"

#include <algorithm>
#include <chrono>

#include "access/imap/limits.h"
#include "access/imap/object_id.h"
#include "base/ascii.h"
#include "message/encoded_word.h"
#include "message/limits.h"

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
bool address_matches(const std::vector<message::EnvelopeAddress>& list, const std::string& key) {
  for (const message::EnvelopeAddress& address : list) {
    if (message::contains_text(message::address_text(address), key)) return true;
  }
  return false;
}

bool header_matches(const std::string& header, const std::string& name, const std::string& key) {
  // An empty key asks only whether the field is there.
  const std::vector<std::string> values = message::field_texts(header, name);
  return std::any_of(values.begin(), values.end(),
                     [&](const std::string& value) { return message::contains_text(value, key); });
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

SearchProgram::SearchProgram(const K& key, const View& view, SystemTime now)
    : view_(view), now_(std::chrono::floor<std::chrono::seconds>(now)), root_(compile(key)) {
  if (!view.uids.empty()) candidates_ = {{1, view.uids.size()}};
  for (const Node& child : root_.children) {
    if (child.type == K::sequence || child.type == K::uid) {
      candidates_ = child.messages;
      break;
    }
  }
  entry_may_settle_ = std::any_of(root_.children.begin(), root_.children.end(),
                                  [](const Node& child) { return of_entry(cost_of(child.type)); });
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
std::vector<search::Field> index_fields(K::Type type) {
  switch (type) {
    case K::body:
      return {search::Field::body};
    case K::text_:
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
  std::vector<search::Field> fields = index_fields(node.type);
  if (fields.empty() || node.text.empty() || node.text.size() > message::limits::kSearchKey) return;
  if (questions_.size() == kIndexQuestions) return;  // the letters are looked at for all others
  node.question = questions_.size();
  questions_.push_back({std::move(fields), node.text});
}

// The grammar has bounded the depth.
SearchProgram::Node SearchProgram::compile(const K& key) {
  Node node;
  node.type = key.type;
  node.number = key.number;
  node.name = key.name;
  node.text = key.text;
  note_needs(key.type);
  if (key.type == K::sequence || key.type == K::uid) {
    node.messages = messages_of(view_, key.set, key.type == K::uid);
  }
  if (key.type == K::body || key.type == K::text_) {
    node.text_index = texts_.size();
    texts_.push_back(key.text);
  }
  note_question(node);
  node.children.reserve(key.children.size());
  for (const K& child : key.children) node.children.push_back(compile(child));
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
    if (told == Truth::no || (told == Truth::yes && index_says_yes(node.type))) return told;
  }
  switch (node.type) {
    case K::all:
    case K::save_date_supported:
      return Truth::yes;
    case K::filter:
    case K::thread_id:
      return Truth::no;  // no message has one (RFC 8474 section 5.2)
    case K::recent:
      return truth(view_.is_recent(facts.uid));
    case K::old:
      return truth(!view_.is_recent(facts.uid));
    case K::sequence:
    case K::uid:
      return truth(wire::imap::contains(node.messages, facts.sequence));
    case K::and_:
      return ask_children(node, facts, Truth::no);
    case K::or_:
      return ask_children(node, facts, Truth::yes);
    case K::not_: {
      const Truth inner = ask(node.children.front(), facts);
      return inner == Truth::unknown ? inner : truth(inner == Truth::no);
    }
    case K::header:
      return facts.header == nullptr ? Truth::unknown
                                     : truth(header_matches(*facts.header, node.name, node.text));
    case K::body:
    case K::text_: {
      const bool in_header =
          node.type == K::text_ && facts.header_text != nullptr && facts.header_text->found(node.text_index);
      if (in_header) return Truth::yes;
      return facts.body_text == nullptr ? Truth::unknown : truth(facts.body_text->found(node.text_index));
    }
    default:
      break;
  }
  if (of_entry(cost_of(node.type))) {
    return facts.entry == nullptr ? Truth::unknown : ask_entry(node, *facts.entry);
  }
  return facts.summary == nullptr ? Truth::unknown : ask_summary(node, *facts.summary);
}

// AND is settled by a no, OR by a yes.
Truth SearchProgram::ask_children(const Node& node, const SearchFacts& facts, Truth settles) const {
  bool unknown = false;
  for (const Node& child : node.children) {
    const Truth answer = ask(child, facts);
    if (answer == settles) return settles;
    unknown |= answer == Truth::unknown;
  }
  if (unknown) return Truth::unknown;
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
  const message::Envelope& envelope = summary.envelope;
  switch (node.type) {
    case K::from:
      return truth(address_matches(envelope.from, node.text));
    case K::to:
      return truth(address_matches(envelope.to, node.text));
    case K::cc:
      return truth(address_matches(envelope.cc, node.text));
    case K::bcc:
      return truth(address_matches(envelope.bcc, node.text));
    case K::subject:
      return truth(envelope.has_subject &&
                   message::contains_text(message::decode_words(envelope.subject), node.text));
    case K::sent_before:
      return truth(summary.has_date && sent_day(summary) < node.number);
    case K::sent_on:
      return truth(summary.has_date && sent_day(summary) == node.number);
    default:
      return truth(summary.has_date && sent_day(summary) >= node.number);
  }
}

}  // namespace posthouse::access::imap
