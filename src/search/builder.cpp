#include "search/builder.h"

#include <algorithm>

#include "search/limits.h"
#include "search/postings.h"

namespace posthouse::search {

namespace {

constexpr size_t kTermCost = 120;  // octets of memory for a term beside its own, about

std::vector<uint32_t> letters_of(std::string_view gaps) {
  std::vector<uint32_t> out;
  bool ok = true;
  uint32_t next = 0;
  while (!gaps.empty()) {
    out.push_back(next + static_cast<uint32_t>(read_varint(gaps, ok)));
    next = out.back() + 1;
  }
  return out;
}

}  // namespace

void SegmentBuilder::begin_letter(Uid uid, uint64_t email) {
  letters_.uids.push_back(uid);
  letters_.opaque.push_back(false);
  last_email_ = email;
}

void SegmentBuilder::feed(Field field, std::string_view utf8) {
  field_ = field;
  text_ += utf8.size();
  tokenizer_.feed(utf8);
}

void SegmentBuilder::end_text() {
  tokenizer_.end_text();
}

bool SegmentBuilder::full() const {
  return memory_ >= kBuilderMemory || letters_.uids.size() >= kBuilderLetters;
}

bool SegmentBuilder::overfull() const {
  return memory_ >= kOverfullMemory;
}

void SegmentBuilder::add(Dict dict, std::string_view term) {
  key_.assign(1, static_cast<char>(dict));
  key_ += term;
  const auto [at, fresh] = terms_.try_emplace(key_);
  if (fresh) memory_ += key_.size() + kTermCost;
  Postings& postings = at->second;
  const auto letter = static_cast<uint32_t>(letters_.uids.size() - 1);
  if (postings.next == letter + 1) return;
  const size_t before = postings.gaps.size();
  append_varint(postings.gaps, letter - postings.next);
  memory_ += postings.gaps.size() - before;
  postings.next = letter + 1;
}

BuiltSegment SegmentBuilder::build(MailboxId mailbox, SegmentId segment) {
  BuiltSegment built;
  const auto count = static_cast<uint32_t>(letters_.uids.size());
  std::vector<const std::pair<const std::string, Postings>*> sorted;
  sorted.reserve(terms_.size());
  for (const auto& term : terms_) sorted.push_back(&term);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  ChunkWriter writer(mailbox, segment);
  for (const auto* term : sorted) {
    writer.add(static_cast<Dict>(term->first.front()), std::string_view(term->first).substr(1),
               encode_postings(letters_of(term->second.gaps), count));
  }
  writer.finish();
  built.rows = writer.take_rows();
  built.rows.push_back({letters_key(mailbox, segment), encode(letters_)});
  built.segment = {segment,
                   count,
                   letters_.uids.front(),
                   letters_.uids.back(),
                   last_email_,
                   writer.bytes() + built.rows.back().key.size() + built.rows.back().value.size(),
                   text_};
  letters_ = {};
  text_ = 0;
  memory_ = 0;
  std::unordered_map<std::string, Postings>().swap(terms_);
  return built;
}

}  // namespace posthouse::search
