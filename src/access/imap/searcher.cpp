// Memory stays bounded: entries come in batches, bodies in pieces.
#include "access/imap/searcher.h"

#include <algorithm>
#include <deque>

#include "access/imap/batches.h"
#include "access/imap/fetch_octets.h"
#include "access/imap/index_answers.h"
#include "access/imap/limits.h"
#include "access/imap/message_limit.h"
#include "access/imap/progress.h"
#include "base/yield.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "search/limits.h"

namespace posthouse::access::imap {

namespace {

// Octets [begin, end) of a message, a piece at a time. `whole`: the message, if it was read ahead.
class PieceReader {
 public:
  PieceReader(const store::Entry& entry, const std::string* whole, uint64_t begin, uint64_t end)
      : entry_(entry), whole_(whole), at_(begin), end_(std::min<uint64_t>(end, entry.size)) {}
  // "" at the end.
  Task<Result<std::string>> next(Session& s, store::AccountId account) {
    if (at_ >= end_) co_return std::string();
    const uint64_t want = std::min<uint64_t>(end_ - at_, kBodyPiece);
    const uint64_t from = std::exchange(at_, at_ + want);
    if (whole_ != nullptr) co_return whole_->substr(from, want);
    Result<std::string> piece = co_await s.store().read(account, entry_, from, want);
    co_return piece;
  }

 private:
  const store::Entry& entry_;
  const std::string* whole_;
  uint64_t at_;
  uint64_t end_;
};

std::vector<std::string> field_forms(std::vector<std::string> keys) {
  for (std::string& key : keys) key = message::field_form(std::move(key));
  return keys;
}

// What one message's texts go to.
struct Texts {
  message::TextSearch& exact;
  search::FuzzyTexts* fuzzy = nullptr;
  bool scored = false;  // more text may make a message fit better

  void enter(search::Field field) {
    if (fuzzy != nullptr) fuzzy->enter(field);
  }
  void feed(std::string_view utf8) {
    exact.feed(utf8);
    if (fuzzy != nullptr) fuzzy->feed(utf8);
  }
  void end_text() {
    exact.end_text();
    if (fuzzy != nullptr) fuzzy->end_text();
  }
  void add_fuzzily(search::Field field, std::string_view utf8) {
    fuzzy->enter(field);
    fuzzy->feed(utf8);
    fuzzy->end_text();
  }
  bool all_found() const {
    return exact.all_found() && (fuzzy == nullptr || (!scored && fuzzy->all_found()));
  }
};

class Searcher {
 public:
  // `wants_modseq`: of each hit.
  Searcher(Session& s, const View& view, SearchProgram program, SearchHits& hits, bool wants_modseq,
           Progress& progress)
      : wants_modseq_(wants_modseq),
        s_(s),
        view_(view),
        program_(std::move(program)),
        hits_(hits),
        fresh_(program_.texts()),
        fresh_of_fields_(field_forms(program_.texts())),
        progress_(progress) {}

  Task<Result<void>> run() {
    progress_.expect(count_of(program_.candidates()));
    if (!program_.needs_entry()) {
      std::vector<wire::imap::NumberRange> none = co_await look_at_view(program_.candidates());
      co_return Result<void>();
    }
    std::vector<wire::imap::NumberRange> open = program_.candidates();
    if (!program_.questions().empty()) {
      if (s_.services.recall != nullptr)
        notes_ = TruthNotes(*s_.services.recall, view_, program_.question_keys());
      const bool asks = program_.asks_documents() || count_of(open) >= kAskIndexFrom;
      answers_ = co_await ask_index(s_, view_, program_.questions(), asks, notes_);
      if (!answers_.empty()) open = co_await look_at_view(open);
    }
    // Entries alone first, if they may settle the matter for some messages.
    const bool with_summary = program_.needs_summary() && !program_.entry_may_settle();
    const Wanted without = program_.needs_more_than_flags() ? Wanted::entry : Wanted::flags;
    Batches batches(std::move(open), with_summary ? Wanted::summary : without);
    while (!batches.done() && !settled()) {
      Result<std::vector<store::Entry>> entries = co_await batches.next(s_, view_);
      if (!entries) co_return std::unexpected(entries.error());
      Result<void> done = co_await batch(std::move(*entries), with_summary);
      if (!done) co_return done;
    }
    while (!waiting_.empty() && !settled()) add_waiting();
    notes_.keep();
    co_return Result<void>();
  }

 private:
  bool settled() const { return hits_.settled(); }

  SearchFacts facts_of(uint32_t sequence) const {
    SearchFacts facts;
    facts.sequence = sequence;
    facts.uid = view_.uids.at(sequence);
    facts.index = answers_.empty() ? nullptr : &answers_;
    return facts;
  }

  // What can be told without a look at the messages. Gives those that have to be looked at; hits behind the
  // first of these wait for their turn.
  Task<std::vector<wire::imap::NumberRange>> look_at_view(std::vector<wire::imap::NumberRange> candidates) {
    std::vector<wire::imap::NumberRange> open;
    for (const auto& range : candidates) {
      for (uint32_t sequence = range.first; sequence <= range.last && !settled(); sequence++) {
        if (sequence % kLookTogether == 0) co_await LetOthers();
        const SearchFacts facts = facts_of(sequence);
        const Truth answer = program_.ask(facts);
        if (answer == Truth::unknown || (answer == Truth::yes && wants_modseq_)) {
          if (open.empty() || open.back().last + 1 != sequence) open.push_back({sequence, sequence});
          open.back().last = sequence;
        } else if (answer == Truth::yes && open.empty()) {
          hits_.add({facts.uid, sequence, 0, relevancy(facts)});
        } else if (answer == Truth::yes) {
          waiting_.push_back(sequence);
        }
      }
    }
    co_return open;
  }

  void add_waiting() {
    const uint32_t sequence = waiting_.front();
    waiting_.pop_front();
    hits_.add({view_.uids.at(sequence), sequence, 0, relevancy(facts_of(sequence))});
  }

  // In rising order, also those that wait.
  void add_hit(const store::Entry& entry, uint8_t relevancy) {
    const uint32_t sequence = view_.uids.sequence(entry.uid);
    while (!waiting_.empty() && waiting_.front() < sequence && !settled()) add_waiting();
    if (!settled()) hits_.add({entry.uid, sequence, entry.modseq, relevancy});
  }

  Task<Result<void>> batch(std::vector<store::Entry> entries, bool with_summary) {
    if (!with_summary && program_.needs_summary()) {
      Result<void> done = co_await ask_twice(std::move(entries));
      co_return done;
    }
    for (size_t at = 0; at < entries.size(); at++) {
      const store::Entry& entry = entries[at];
      if (with_summary || progress_.due()) co_await progress_.at(reached(entry.uid));
      uint8_t score = 0;
      Result<bool> matches = false;
      if (with_summary) {
        matches = co_await ask(entries, at, score);
      } else {
        const SearchFacts facts = facts_of(entry);
        if (facts.sequence != 0) settles(facts, *matches, score);
      }
      if (!matches) co_return std::unexpected(matches.error());
      if (*matches) add_hit(entry, score);
      if (settled()) break;
    }
    co_return Result<void>();
  }

  // How many candidates come before this one.
  uint64_t reached(store::Uid uid) {
    const uint32_t sequence = view_.uids.sequence(uid);
    const std::vector<wire::imap::NumberRange>& all = program_.candidates();
    while (passed_ < all.size() && all[passed_].last < sequence) {
      before_ += all[passed_].last - all[passed_].first + 1;
      passed_++;
    }
    const bool inside = passed_ < all.size() && all[passed_].first <= sequence;
    return before_ + (inside ? sequence - all[passed_].first : 0);
  }

  // Entries without summaries: those that they don't settle are read again with them, some at a time.
  Task<Result<void>> ask_twice(std::vector<store::Entry> entries) {
    std::vector<store::Uid> open;
    for (const store::Entry& entry : entries) {
      const SearchFacts facts = facts_of(entry);
      if (facts.sequence != 0 && program_.ask(facts) != Truth::no) open.push_back(entry.uid);
    }
    for (size_t at = 0; at < open.size() && !settled(); at += kEntriesWithSummary) {
      const auto from = open.begin() + static_cast<ptrdiff_t>(at);
      const auto to = open.begin() + static_cast<ptrdiff_t>(std::min(open.size(), at + kEntriesWithSummary));
      std::vector<store::Uid> some(from, to);
      Result<std::vector<store::Entry>> full =
          co_await s_.store().entries(view_.account, view_.mailbox, std::move(some), true);
      if (!full) co_return std::unexpected(full.error());
      Result<void> done = co_await batch(std::move(*full), true);
      if (!done) co_return done;
    }
    co_return Result<void>();
  }

  SearchFacts facts_of(const store::Entry& entry) const {
    SearchFacts facts;
    facts.uid = entry.uid;
    facts.sequence = view_.uids.sequence(entry.uid);
    facts.entry = &entry;
    facts.index = answers_.empty() ? nullptr : &answers_;
    return facts;
  }

  uint8_t relevancy(const SearchFacts& facts) const {
    return program_.scored() ? program_.relevancy(facts) : 0;
  }

  // Whether it is settled; then whether it matches, and how well.
  bool settles(const SearchFacts& facts, bool& matches, uint8_t& score) const {
    const Truth answer = program_.ask(facts);
    matches = answer == Truth::yes;
    if (matches) score = relevancy(facts);
    return answer != Truth::unknown;
  }

  // The same, once the message itself was looked at: then it is remembered too.
  bool settles_now(const SearchFacts& facts, bool& matches, uint8_t& score) {
    const bool done = settles(facts, matches, score);
    if (done) program_.learn(facts, notes_);
    return done;
  }

  // Whether one message matches: entry, then summary, then header, then body, as far as needed.
  Task<Result<bool>> ask(const std::vector<store::Entry>& entries, size_t at, uint8_t& score) {
    const store::Entry& entry = entries[at];
    SearchFacts facts = facts_of(entry);
    if (facts.sequence == 0) co_return false;
    bool matches = false;
    if (settles(facts, matches, score)) co_return matches;
    const bool of_parts = program_.needs_header() || program_.needs_body();
    Result<message::Summary> summary =
        of_parts ? message::decode(entry.summary) : message::decode_header(entry.summary);
    if (!summary) co_return false;  // damaged: reported when it is fetched
    facts.summary = &*summary;
    if (settles_now(facts, matches, score)) co_return matches;
    Result<bool> found = co_await ask_octets(entries, at, facts, score);
    co_return found;
  }

  // The same of one that is not settled by its summary.
  Task<Result<bool>> ask_octets(const std::vector<store::Entry>& entries, size_t at, SearchFacts& facts,
                                uint8_t& score) {
    const store::Entry& entry = entries[at];
    const message::Summary* summary = facts.summary;
    bool matches = false;
    // From here on octets count: those of small messages are read for some of the next as well.
    const Course course{entries};
    co_await ahead_.fill(s_, view_.account, course, at);
    const std::string* whole = ahead_.find(entry.uid);
    if (whole != nullptr && whole->size() != entry.size) whole = nullptr;
    std::string header;
    message::TextSearch header_text = fresh_of_fields_;
    message::TextSearch body_text = fresh_;
    std::optional<search::FuzzyTexts> fuzzy;
    if (!program_.fuzzy_keys().empty()) {
      fuzzy.emplace(program_.fuzzy_keys());
      facts.fuzzy_texts = &*fuzzy;
    }
    Texts in_header{header_text, fuzzy ? &*fuzzy : nullptr, program_.scored()};
    if (program_.needs_header()) {
      if (summary->envelope.has_subject && fuzzy)
        in_header.add_fuzzily(search::Field::subject, message::decode_words(summary->envelope.subject));
      const uint64_t length = message::searched_header(0, summary->root.body_begin);
      Result<std::string> read = co_await octets(entry, whole, 0, length);
      if (!read) co_return lost(read.error());
      header = std::move(*read);
      in_header.enter(search::Field::header);
      const std::string text = message::header_text(header);
      co_await feed(in_header, text);
      in_header.end_text();
      facts.header = &header;
      facts.header_text = &header_text;
      if (settles_now(facts, matches, score)) co_return matches;
    }
    if (program_.needs_part_headers()) {
      Result<void> looked = co_await search_part_headers(entry, whole, *summary, in_header);
      if (!looked) co_return lost(looked.error());
      if (settles_now(facts, matches, score)) co_return matches;
    }
    Texts in_body{body_text, fuzzy ? &*fuzzy : nullptr, program_.scored()};
    Result<void> searched = co_await search_body(entry, whole, *summary, in_body);
    if (!searched) co_return lost(searched.error());
    facts.body_text = &body_text;
    facts.all_texts = true;
    settles_now(facts, matches, score);
    co_return matches;
  }

  // A message that another session has expunged just now matches nothing; other faults end the search.
  static Result<bool> lost(const Fault& fault) {
    if (fault.kind == FaultKind::not_found || fault.kind == FaultKind::corrupt) return false;
    return std::unexpected(fault);
  }

  // Words are compared for longer than octets are looked through: others have their turn in between.
  Task<void> feed(Texts& search, std::string_view text) {
    if (search.fuzzy == nullptr) {
      search.feed(text);
      co_return;
    }
    for (size_t at = 0; at < text.size(); at += search::kFuzzyTogether) {
      const std::string_view some = text.substr(at, search::kFuzzyTogether);
      search.feed(some);
      compared_ += some.size();
      if (compared_ < search::kFuzzyTogether) continue;
      compared_ = 0;
      co_await LetOthers();
    }
  }

  // TEXT finds the names of attachments and the headers of embedded messages too: they are in the body.
  Task<Result<void>> search_part_headers(const store::Entry& entry, const std::string* whole,
                                         const message::Summary& summary, Texts& search) {
    for (const message::Part* part : message::parts_with_headers(summary)) {
      if (search.all_found()) break;
      const uint64_t length = message::searched_header(part->header_begin, part->body_begin);
      if (length == 0) continue;
      Result<std::string> header = co_await octets(entry, whole, part->header_begin, length);
      if (!header) co_return std::unexpected(header.error());
      const std::string text = message::header_text(*header);
      co_await feed(search, text);
      search.end_text();
    }
    co_return Result<void>();
  }

  Task<Result<void>> search_body(const store::Entry& entry, const std::string* whole,
                                 const message::Summary& summary, Texts& search) {
    const std::vector<const message::Part*> parts = message::text_parts(summary);
    search.enter(search::Field::body);
    for (const message::Part* part : parts) {
      message::PartTextDecoder decoder(*part);
      PieceReader reader(entry, whole, part->body_begin, part->body_end);
      while (!search.all_found()) {
        Result<std::string> piece = co_await reader.next(s_, view_.account);
        if (!piece) co_return std::unexpected(piece.error());
        if (piece->empty()) break;
        std::string text;
        decoder.feed(*piece, text);
        co_await feed(search, text);
      }
      std::string rest;
      decoder.finish(rest);
      co_await feed(search, rest);
      search.end_text();
    }
    co_return Result<void>();
  }

  Task<Result<std::string>> octets(const store::Entry& entry, const std::string* whole, uint64_t offset,
                                   uint64_t length) {
    if (whole != nullptr && offset <= whole->size()) co_return whole->substr(offset, length);
    Result<std::string> read = co_await s_.store().read(view_.account, entry, offset, length);
    co_return read;
  }

  bool wants_modseq_;
  Session& s_;
  const View& view_;
  ReadAhead ahead_;
  SearchProgram program_;
  SearchHits& hits_;
  TruthNotes notes_;
  IndexAnswers answers_;          // none: the index says nothing
  std::deque<uint32_t> waiting_;  // sequence numbers of hits that come behind messages still to be looked at
  message::TextSearch fresh_;     // copied for each message: its keys are folded once
  message::TextSearch fresh_of_fields_;
  Progress& progress_;
  size_t compared_ = 0;  // octets of text, since others had their turn
  size_t passed_ = 0;    // ranges of candidates that are done
  uint64_t before_ = 0;  // candidates in them
};

// The keys' texts to UTF-8.
void convert(wire::imap::SearchKey& key, const std::string& charset) {
  key.text = message::to_utf8(key.text, charset);
  for (wire::imap::SearchKey& child : key.children) convert(child, charset);
}

}  // namespace

bool asks_for_modseq(const wire::imap::SearchKey& key) {
  return key.type == wire::imap::SearchKey::modseq ||
         std::any_of(key.children.begin(), key.children.end(),
                     [](const auto& child) { return asks_for_modseq(child); });
}

bool asks_fuzzily(const wire::imap::SearchKey& key) {
  return key.type == wire::imap::SearchKey::fuzzy || std::ranges::any_of(key.children, asks_fuzzily);
}

Reply no_relevancy() {
  return bad("RELEVANCY is of a FUZZY key");
}

std::optional<Reply> refuse_charset(const wire::imap::Search& c) {
  if (c.charset.empty() || message::is_known_charset(c.charset)) return std::nullopt;
  return no("Unknown charset", "BADCHARSET (US-ASCII UTF-8)");
}

Task<Result<void>> search(Session& s, const View& view, wire::imap::Search& c, SearchHits& hits,
                          SearchBound& bound, Progress& progress) {
  convert(c.key, c.charset);
  c.charset = "UTF-8";
  SearchProgram program(c.key, view, s.services.clock.now(), hits.wants_relevancy());
  if (program.keep_last(bound.most)) {
    bound.lowest = view.uids.at(program.candidates().front().first);
    if (bound.refuses) co_return Result<void>();
  }
  bound.looked_at = count_of(program.candidates());
  Searcher searcher(s, view, std::move(program), hits, asks_for_modseq(c.key), progress);
  Result<void> done = co_await searcher.run();
  co_return done;
}

Task<Result<void>> search(Session& s, wire::imap::Search& c, SearchHits& hits, SearchBound& bound) {
  Progress progress(s, "Searched", 0);
  Result<void> done = co_await search(s, *s.view, c, hits, bound, progress);
  co_return done;
}

}  // namespace posthouse::access::imap
