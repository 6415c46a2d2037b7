#include "access/imap/sort_key.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "access/imap/limits.h"
#include "message/encoded_word.h"
#include "message/unicode_text.h"

namespace posthouse::access::imap {

namespace {

using C = wire::imap::SortCriterion;
using message::RecordView;

int64_t seconds_of(SystemTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
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
std::string mailbox_of(const std::optional<RecordView::Address>& address) {
  return address ? message::decode_words(address->mailbox) : std::string();
}

// RFC 5957 section 3.
std::string display_of(const std::optional<RecordView::Address>& address) {
  if (!address) return {};
  if (std::string name = message::decode_words(address->name); !name.empty()) return name;
  std::string out = message::decode_words(address->mailbox);
  if (address->has_mailbox && address->has_host) out += "@" + message::decode_words(address->host);
  return out;
}

void append_part(std::string& out, C::Key key, const SortFacts& facts, const RecordView& record) {
  switch (key) {
    case C::relevancy:  // RFC 6203 section 6: the highest first
      out += static_cast<char>(~facts.relevancy);
      return;
    case C::arrival:
      return append_number(out, seconds_of(facts.internal_date));
    case C::size:
      return append_number(out, static_cast<int64_t>(facts.size));
    case C::date:
      return append_number(out, sent_date(facts.internal_date, record));
    case C::cc:
      return append_text(out, mailbox_of(record.first_of(RecordView::kCc)));
    case C::from:
      return append_text(out, mailbox_of(record.first_of(RecordView::kFrom)));
    case C::to:
      return append_text(out, mailbox_of(record.first_of(RecordView::kTo)));
    case C::display_from:
      return append_text(out, display_of(record.first_of(RecordView::kFrom)));
    case C::display_to:
      return append_text(out, display_of(record.first_of(RecordView::kTo)));
    case C::subject:
      return append_text(out, record.base_subject());
  }
}

}  // namespace

int64_t sent_date(SystemTime internal_date, const RecordView& record) {
  return record.has_date() ? record.date_seconds() : seconds_of(internal_date);
}

void append_sort_key(std::string& out, const std::vector<C>& criteria, const SortFacts& facts) {
  const RecordView record(facts.summary);
  for (const C& criterion : criteria) {
    const size_t begin = out.size();
    append_part(out, criterion.key, facts, record);
    if (!criterion.reverse) continue;
    for (size_t i = begin; i < out.size(); i++) out[i] = static_cast<char>(~out[i]);
  }
}

std::string name_of(const std::vector<C>& criteria) {
  std::string out;
  for (const C& criterion : criteria) {
    out += criterion.reverse ? '-' : '+';
    out += static_cast<char>('a' + static_cast<int>(criterion.key));
  }
  return out;
}

}  // namespace posthouse::access::imap
