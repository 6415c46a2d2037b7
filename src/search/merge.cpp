#include "search/merge.h"

#include <algorithm>

#include "search/limits.h"
#include "search/postings.h"

namespace posthouse::search {

namespace {

constexpr uint32_t kGone = UINT32_MAX;

Fault damaged() {
  return {FaultKind::corrupt, "a segment of the search index"};
}

}  // namespace

SegmentMerge::SegmentMerge(AccountId account, MailboxId mailbox, std::vector<Segment> from, SegmentId to,
                           store::UidList present)
    : account_(account), mailbox_(mailbox), present_(std::move(present)), writer_(mailbox, to) {
  result_ = from.back();
  result_.id = to;
  result_.first = from.front().first;
  result_.letters = 0;
  result_.text = 0;
  for (Segment& segment : from) {
    sources_.emplace_back();
    sources_.back().segment = segment;
  }
}

Result<std::vector<Row>> SegmentMerge::next(const engine::Reader& reader) {
  if (!begun_) {
    if (Result<void> done = begin(reader); !done) return std::unexpected(done.error());
  }
  begun_ = true;
  const auto all_done = [this] {
    return std::all_of(sources_.begin(), sources_.end(), [](const Source& s) { return s.done; });
  };
  while (!all_done() && writer_.waiting() < kRowsTogether) {
    if (Result<void> done = merge_term(reader); !done) return std::unexpected(done.error());
  }
  const bool ends = all_done() && !std::exchange(ended_, all_done());
  if (ends) writer_.finish();
  std::vector<Row> rows = writer_.take_rows();
  if (ends && result_.letters > 0) {
    rows.push_back({letters_key(mailbox_, result_.id), encode(letters_)});
    result_.bytes = writer_.bytes() + rows.back().key.size() + rows.back().value.size();
  }
  return rows;
}

Result<void> SegmentMerge::begin(const engine::Reader& reader) {
  for (Source& source : sources_) {
    if (Result<void> done = number_letters(reader, source); !done) return done;
    if (Result<void> done = load(reader, source); !done) return done;
  }
  result_.letters = static_cast<uint32_t>(letters_.uids.size());
  return {};
}

Result<void> SegmentMerge::number_letters(const engine::Reader& reader, Source& source) {
  const auto row = reader.get(partition_of(account_), letters_key(mailbox_, source.segment.id));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::unexpected(damaged());
  const Result<SegmentLetters> letters = decode_letters(**row);
  if (!letters) return std::unexpected(letters.error());
  if (letters->uids.size() != source.segment.letters) return std::unexpected(damaged());
  uint64_t kept = 0;
  for (size_t i = 0; i < letters->uids.size(); i++) {
    if (!present_.contains(letters->uids[i])) {
      source.numbers.push_back(kGone);
      continue;
    }
    source.numbers.push_back(static_cast<uint32_t>(letters_.uids.size()));
    letters_.uids.push_back(letters->uids[i]);
    letters_.opaque.push_back(letters->opaque[i]);
    kept++;
  }
  result_.text += source.segment.text * kept / std::max<uint64_t>(1, source.segment.letters);
  return {};
}

// The next row of terms.
Result<void> SegmentMerge::load(const engine::Reader& reader, Source& source) {
  const std::string terms = segment_prefix(mailbox_, source.segment.id) + 'T';
  const std::string begin = source.key.empty() ? terms : terms + source.key + '\0';
  source.at = 0;
  source.terms.clear();
  source.postings.clear();
  source.done = true;
  Result<void> scanned = reader.scan(partition_of(account_), begin, behind(terms),
                                     [&](std::string_view key, std::string_view value) {
                                       source.done = false;
                                       source.key = key.substr(terms.size());
                                       source.terms_row = value;
                                       return false;
                                     });
  if (!scanned || source.done) return scanned;
  auto postings =
      reader.get(partition_of(account_), segment_prefix(mailbox_, source.segment.id) + 'P' + source.key);
  if (!postings) return std::unexpected(postings.error());
  if (!*postings || source.key.empty()) return std::unexpected(damaged());
  source.postings_row = std::move(**postings);
  const bool good = split_terms(source.terms_row, source.terms) &&
                    split_postings(source.postings_row, source.postings) &&
                    source.terms.size() == source.postings.size();
  return good ? Result<void>() : std::unexpected(damaged());
}

// The first term of all that are left.
Result<void> SegmentMerge::merge_term(const engine::Reader& reader) {
  std::string least;
  bool any = false;
  for (const Source& source : sources_) {
    if (source.done) continue;
    const int order = any ? source.dict() - least.front() : -1;
    if (order > 0) continue;
    if (order == 0 && source.terms[source.at] >= std::string_view(least).substr(1)) continue;
    least.assign(1, source.dict());
    least += source.terms[source.at];
    any = true;
  }
  const std::string_view term = std::string_view(least).substr(1);
  found_.clear();
  for (Source& source : sources_) {
    if (source.done || source.dict() != least.front() || source.terms[source.at] != term) continue;
    const size_t before = found_.size();
    if (!read_postings(source.postings[source.at], source.segment.letters, found_))
      return std::unexpected(damaged());
    for (size_t i = before; i < found_.size(); i++) found_[i] = source.numbers[found_[i]];
    if (++source.at < source.terms.size()) continue;
    if (Result<void> done = load(reader, source); !done) return done;
  }
  std::erase(found_, kGone);
  if (!found_.empty())
    writer_.add(static_cast<Dict>(least.front()), term, encode_postings(found_, result_.letters));
  return {};
}

}  // namespace posthouse::search
