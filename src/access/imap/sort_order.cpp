#include "access/imap/sort_order.h"

#include <algorithm>
#include <chrono>

#include "access/imap/limits.h"
#include "base/yield.h"
#include "message/encoded_word.h"
#include "message/thread.h"
#include "message/unicode_text.h"

namespace posthouse::access::imap {

namespace {

using C = wire::imap::SortCriterion;

bool is_of_summary(C::Key key) {
  return key != C::arrival && key != C::size && key != C::relevancy;
}

int64_t arrival(const store::Entry& entry) {
  return std::chrono::floor<std::chrono::seconds>(entry.internal_date).time_since_epoch().count();
}

// Eight octets whose order is that of the numbers.
void append_number(std::string& out, int64_t number) {
  const uint64_t shifted = static_cast<uint64_t>(number) ^ (uint64_t{1} << 63);
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(shifted >> shift);
}

// The collation's form, cut to kSortText octets, and a mark that stands before all other octets.
void append_text(std::string& out, std::string_view text) {
  std::string mapped = message::casemap(text.substr(0, kSortText));
  mapped.resize(std::min(mapped.size(), kSortText));
  std::replace(mapped.begin(), mapped.end(), '\0', '\1');
  out += mapped;
  out += '\0';
}

// The first address's addr-mailbox; of a group its name.
std::string mailbox_of(const std::vector<message::EnvelopeAddress>& list) {
  return list.empty() ? std::string() : message::decode_words(list.front().mailbox);
}

// RFC 5957 section 3.
std::string display_of(const std::vector<message::EnvelopeAddress>& list) {
  if (list.empty()) return {};
  const message::EnvelopeAddress& address = list.front();
  if (std::string name = message::decode_words(address.name); !name.empty()) return name;
  std::string out = message::decode_words(address.mailbox);
  if (address.has_mailbox && address.has_host) out += "@" + message::decode_words(address.host);
  return out;
}

std::string base_subject(const message::Summary& summary) {
  return summary.overview ? summary.overview->subject.text
                          : message::base_subject(summary.envelope.subject).text;
}

void append_part(std::string& out, C::Key key, const store::Entry& entry, const message::Summary& summary,
                 uint8_t relevancy) {
  switch (key) {
    case C::relevancy:  // RFC 6203 section 6: the highest first
      out += static_cast<char>(~relevancy);
      return;
    case C::arrival:
      return append_number(out, arrival(entry));
    case C::size:
      return append_number(out, static_cast<int64_t>(entry.size));
    case C::date:
      return append_number(out, sent_date(entry, summary));
    case C::cc:
      return append_text(out, mailbox_of(summary.envelope.cc));
    case C::from:
      return append_text(out, mailbox_of(summary.envelope.from));
    case C::to:
      return append_text(out, mailbox_of(summary.envelope.to));
    case C::display_from:
      return append_text(out, display_of(summary.envelope.from));
    case C::display_to:
      return append_text(out, display_of(summary.envelope.to));
    case C::subject:
      return append_text(out, base_subject(summary));
  }
}

}  // namespace

int64_t sent_date(const store::Entry& entry, const message::Summary& summary) {
  return summary.has_date ? summary.date_seconds : arrival(entry);
}

SortOrder::SortOrder(std::vector<C> criteria, bool tells_relevancy)
    : criteria_(std::move(criteria)), needs_relevancy_(tells_relevancy) {
  for (const C& criterion : criteria_) needs_relevancy_ = needs_relevancy_ || criterion.key == C::relevancy;
  needs_summary_ =
      std::any_of(criteria_.begin(), criteria_.end(), [](const C& c) { return is_of_summary(c.key); });
}

bool SortOrder::add(const store::Entry& entry, uint8_t relevancy) {
  message::Summary summary;
  if (needs_summary_) {
    // What can't be read has no fields; it is reported when it is fetched.
    if (Result<message::Summary> decoded = message::decode_header(entry.summary); decoded)
      summary = std::move(*decoded);
  }
  const size_t at = keys_.size();
  for (const C& criterion : criteria_) {
    const size_t begin = keys_.size();
    append_part(keys_, criterion.key, entry, summary, relevancy);
    if (!criterion.reverse) continue;
    for (size_t i = begin; i < keys_.size(); i++) keys_[i] = static_cast<char>(~keys_[i]);
  }
  if (keys_.size() + items_.size() * sizeof(Item) > kSortMemory) return false;
  items_.push_back({at, static_cast<uint32_t>(keys_.size() - at), entry.uid, entry.modseq, relevancy});
  return true;
}

bool SortOrder::before(const Item& a, const Item& b) const {
  const int order = key(a).compare(key(b));
  return order != 0 ? order < 0 : a.uid < b.uid;
}

// Merge sort, bottom up, with a breath between the steps.
Task<void> SortOrder::sort() {
  const auto less = [this](const Item& a, const Item& b) { return before(a, b); };
  const size_t all = items_.size();
  for (size_t at = 0; at < all; at += kSortTogether) {
    const auto begin = items_.begin() + static_cast<ptrdiff_t>(at);
    std::sort(begin, begin + static_cast<ptrdiff_t>(std::min(kSortTogether, all - at)), less);
    co_await LetOthers();
  }
  std::vector<Item> merged;
  for (size_t width = kSortTogether; width < all; width *= 2) {
    merged.clear();
    merged.reserve(all);
    for (size_t at = 0; at < all; at += 2 * width) {
      const auto begin = items_.begin() + static_cast<ptrdiff_t>(at);
      const auto middle = begin + static_cast<ptrdiff_t>(std::min(width, all - at));
      const auto end = begin + static_cast<ptrdiff_t>(std::min(2 * width, all - at));
      std::merge(begin, middle, middle, end, std::back_inserter(merged), less);
      co_await LetOthers();
    }
    items_.swap(merged);
  }
}

}  // namespace posthouse::access::imap
