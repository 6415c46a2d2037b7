#include "search/lookup.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "search/limits.h"

namespace posthouse::search {

namespace {

constexpr size_t kHitsTogether = 64 << 10;  // terms that are remembered before their letters are read

Fault damaged() {
  return {FaultKind::corrupt, "a segment of the search index"};
}

// The numbers of the terms in a row that have the pattern.
void find_terms(std::string_view row, std::string_view pattern, std::vector<uint32_t>& out) {
  size_t at = 0;
  uint32_t number = 0;  // of the term that begins behind the NUL at or before `at`
  size_t counted = 1;   // NULs before this are counted
  while (at < row.size()) {
    const void* hit = memmem(row.data() + at, row.size() - at, pattern.data(), pattern.size());
    if (hit == nullptr) return;
    const auto found = static_cast<size_t>(static_cast<const char*>(hit) - row.data());
    // The term's first octet, or that of which the pattern's own NUL is in front.
    const size_t inside = pattern.front() == '\0' ? found + 1 : found;
    if (inside > counted)
      number += static_cast<uint32_t>(std::count(row.begin() + static_cast<ptrdiff_t>(counted),
                                                 row.begin() + static_cast<ptrdiff_t>(inside), '\0'));
    counted = std::max(counted, inside);
    out.push_back(number);
    // On with the next term; its NUL may begin a pattern.
    at = row.find('\0', inside);
    if (at == std::string_view::npos) return;
    if (at + 1 >= row.size()) return;
  }
}

}  // namespace

Result<void> SegmentLookup::ask(Field field, const Needle& needle, LetterSet& yes, LetterSet& maybe) const {
  if (needle.runs.empty()) {
    maybe.add_all();
    return {};
  }
  if (needle.single) return ask_run(field, needle.runs.front(), yes, maybe);
  // The longest first: it is in the fewest letters.
  std::vector<const NeedleRun*> runs;
  for (const NeedleRun& run : needle.runs) runs.push_back(&run);
  std::sort(runs.begin(), runs.end(), [](const auto* a, const auto* b) { return a->chars > b->chars; });
  LetterSet left(segment_.letters);
  left.add_all();
  for (const NeedleRun* run : runs) {
    LetterSet with(segment_.letters);
    if (Result<void> done = ask_run(field, *run, with, with); !done) return done;
    left.keep(with);
    if (left.empty()) return {};
  }
  maybe.add(left);
  return {};
}

Result<void> SegmentLookup::ask_run(Field field, const NeedleRun& run, LetterSet& yes,
                                    LetterSet& maybe) const {
  const Dict words = words_of(field);
  if (run.run == Run::unspaced) {
    if (run.pieces.empty()) return containing(words, run.text, false, false, yes);
    return with_all(words, run.pieces, run.pieces.size() == 1 ? yes : maybe);
  }
  if (Result<void> done = containing(words, run.text, run.begins, run.ends, yes); !done) return done;
  const Dict grams = grams_of(field);
  if (run.pieces.empty()) return containing(grams, run.text, false, false, yes);
  return with_all(grams, run.pieces, run.pieces.size() == 1 ? yes : maybe);
}

Result<void> SegmentLookup::with_all(Dict dict, const std::vector<std::string>& terms, LetterSet& out) const {
  LetterSet left(segment_.letters);
  left.add_all();
  for (const std::string& term : terms) {
    LetterSet with(segment_.letters);
    if (Result<void> done = whole(dict, term, with); !done) return done;
    left.keep(with);
    if (left.empty()) return {};
  }
  out.add(left);
  return {};
}

Result<std::string> SegmentLookup::row_of(Dict dict, std::string_view term) const {
  const std::string prefix = terms_prefix(mailbox_, segment_.id, dict);
  std::string begin;
  const std::string end = std::string(prefix).append(term) + '\0';
  Result<void> scanned =
      reader_.scan_back(partition_of(account_), prefix, end, [&](std::string_view key, std::string_view) {
        begin = key.substr(prefix.size());
        return false;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return begin;
}

Result<void> SegmentLookup::containing(Dict dict, std::string_view text, bool begins, bool ends,
                                       LetterSet& out) const {
  const std::string prefix = terms_prefix(mailbox_, segment_.id, dict);
  std::string pattern(begins ? 1 : 0, '\0');
  pattern.append(text).append(ends ? 1 : 0, '\0');
  std::string from = prefix;
  std::string end = behind(prefix);
  if (begins) {
    const Result<std::string> row = row_of(dict, text);
    if (!row) return std::unexpected(row.error());
    from += *row;
    end = ends ? std::string(prefix).append(text) + '\0' : behind(std::string(prefix).append(text));
  }
  while (true) {
    std::vector<Hits> rows;
    size_t hits = 0;
    bool more = false;
    Result<void> scanned =
        reader_.scan(partition_of(account_), from, end, [&](std::string_view key, std::string_view value) {
          Hits found;
          find_terms(value, pattern, found.terms);
          if (found.terms.empty()) return true;
          found.key = key.substr(prefix.size());
          hits += found.terms.size();
          rows.push_back(std::move(found));
          more = hits >= kHitsTogether;
          return !more;
        });
    if (!scanned) return scanned;
    if (Result<void> done = add_hits(dict, rows, out); !done) return done;
    if (!more || out.full()) return {};
    from = prefix + rows.back().key + '\0';
  }
}

Result<void> SegmentLookup::add_hits(Dict dict, const std::vector<Hits>& rows, LetterSet& out) const {
  std::vector<std::string_view> postings;
  for (const Hits& hits : rows) {
    const auto row =
        reader_.get(partition_of(account_), postings_prefix(mailbox_, segment_.id, dict) + hits.key);
    if (!row) return std::unexpected(row.error());
    postings.clear();
    if (!*row || !split_postings(**row, postings)) return std::unexpected(damaged());
    for (const uint32_t term : hits.terms) {
      if (term >= postings.size() || !add_postings(postings[term], out)) return std::unexpected(damaged());
    }
  }
  return {};
}

// All terms are looked at: another form of a word may begin otherwise.
Result<void> SegmentLookup::compare(Field field, const FuzzyKey& key, bool several, Likeness& out) const {
  const Dict dict = words_of(field);
  const std::string prefix = terms_prefix(mailbox_, segment_.id, dict);
  const std::vector<FuzzyKey::Word>& words = key.words();
  std::string from = prefix;
  std::vector<std::string_view> terms;
  PlainTerm plain;
  while (true) {
    std::vector<LikeTerms> rows;
    size_t hits = 0;
    bool more = false;
    bool sound = true;
    Result<void> scanned = reader_.scan(
        partition_of(account_), from, behind(prefix), [&](std::string_view row_key, std::string_view value) {
          terms.clear();
          sound = split_terms(value, terms);
          if (!sound) return false;
          LikeTerms row;
          for (uint32_t t = 0; t < terms.size(); t++) {
            plain.set(terms[t]);
            for (size_t w = 0; w < words.size(); w++) {
              const uint8_t mark = weigh(likeness(words[w], plain), field, several);
              if (mark > 0) row.terms.push_back({t, static_cast<uint8_t>(w), mark});
            }
          }
          if (row.terms.empty()) return true;
          row.key = row_key.substr(prefix.size());
          hits += row.terms.size();
          rows.push_back(std::move(row));
          more = hits >= kHitsTogether;
          return !more;
        });
    if (!scanned) return scanned;
    if (!sound) return std::unexpected(damaged());
    if (Result<void> done = add_likeness(dict, rows, words.size(), out); !done) return done;
    if (!more) break;
    from = prefix + rows.back().key + '\0';
  }
  return compare_pieces(field, key, several, out);
}

Result<void> SegmentLookup::add_likeness(Dict dict, const std::vector<LikeTerms>& rows, size_t words,
                                         Likeness& out) const {
  std::vector<std::string_view> postings;
  std::vector<uint32_t> letters;
  for (const LikeTerms& like : rows) {
    const auto row =
        reader_.get(partition_of(account_), postings_prefix(mailbox_, segment_.id, dict) + like.key);
    if (!row) return std::unexpected(row.error());
    postings.clear();
    if (!*row || !split_postings(**row, postings)) return std::unexpected(damaged());
    std::optional<uint32_t> read;  // whose letters these are
    for (const Like& one : like.terms) {
      if (read != one.term) {
        letters.clear();
        if (one.term >= postings.size() || !read_postings(postings[one.term], segment_.letters, letters))
          return std::unexpected(damaged());
        read = one.term;
      }
      for (const uint32_t letter : letters) {
        uint8_t& mark = out.marks[letter * words + one.word];
        mark = std::max(mark, one.mark);
      }
    }
  }
  return {};
}

// Pieces don't say whether they stand one behind the other.
Result<void> SegmentLookup::compare_pieces(Field field, const FuzzyKey& key, bool several,
                                           Likeness& out) const {
  const std::vector<FuzzyKey::Word>& words = key.words();
  for (size_t w = 0; w < words.size(); w++) {
    if (words[w].pieces.empty()) continue;
    LetterSet with(segment_.letters);
    if (Result<void> done = with_all(grams_of(field), words[w].pieces, with); !done) return done;
    const uint8_t mark = weigh(likeness_of_pieces(words[w]), field, several);
    // Nobody looks at documents again: a long word that has all its pieces there is taken for found.
    if (field == Field::documents && !words[w].cut) continue;
    for (uint32_t letter = 0; letter < segment_.letters; letter++) {
      uint8_t& known = out.marks[letter * words.size() + w];
      if (field == Field::documents && with.has(letter)) known = std::max(known, mark);
      if (with.has(letter) && known < mark) out.open.add(letter);
    }
  }
  return {};
}

}  // namespace posthouse::search
