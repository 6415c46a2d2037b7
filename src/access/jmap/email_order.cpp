#include "access/jmap/email_order.h"

#include <algorithm>

#include "access/jmap/letters.h"
#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "base/yield.h"
#include "message/encoded_word.h"
#include "message/record_view.h"
#include "message/unicode_text.h"

namespace posthouse::access::jmap {

namespace {

using Property = EmailOrder::Property;

constexpr std::pair<std::string_view, Property> kProperties[] = {
    {"receivedAt", Property::received},
    {"size", Property::size},
    {"from", Property::from},
    {"to", Property::to},
    {"subject", Property::subject},
    {"sentAt", Property::sent},
    {"hasKeyword", Property::has},
    {"allInThreadHaveKeyword", Property::all_have},
    {"someInThreadHaveKeyword", Property::some_have},
};

}  // namespace

std::vector<std::string_view> sort_properties() {
  std::vector<std::string_view> out;
  for (const auto& [name, property] : kProperties) out.push_back(name);
  return out;
}

// A letter with what it is compared by, key for key.
struct EmailOrder::Sorted {
  SheetLetter letter;
  size_t place = 0;  // among those of which nothing else is to be said
  std::vector<std::pair<int64_t, std::string>> values{};
};

std::expected<EmailOrder, CallError> EmailOrder::parse(const std::vector<Comparator>& sort) {
  EmailOrder out;
  for (const Comparator& one : sort) {
    const auto* property =
        std::ranges::find(kProperties, one.property, [](const auto& p) { return p.first; });
    if (property == std::end(kProperties))
      return std::unexpected(CallError{"unsupportedSort", "not by " + one.property});
    Key key{property->second, one.ascending, one.collation != "i;ascii-casemap"};
    const json::value* keyword = one.all->if_contains("keyword");
    if (property->second >= Property::has) {
      if (keyword != nullptr && keyword->is_string())
        key.keyword = to_lower(std::string_view(keyword->get_string()));
      if (!flags_of({key.keyword}))
        return std::unexpected(CallError{"invalidArguments", "\"keyword\" is none"});
    }
    out.keys_.push_back(std::move(key));
  }
  if (out.keys_.empty()) out.keys_.push_back({Property::received, false});
  return out;
}

std::set<std::string> EmailOrder::keywords() const {
  std::set<std::string> out;
  for (const Key& key : keys_) {
    if (key.property >= Property::has && !is_system_keyword(key.keyword)) out.insert(key.keyword);
  }
  return out;
}

bool EmailOrder::by_thread() const {
  return std::ranges::any_of(keys_, [](const Key& key) { return key.property >= Property::all_have; });
}

bool EmailOrder::immutable() const {
  return std::ranges::none_of(keys_, [](const Key& key) { return key.property >= Property::has; });
}

bool EmailOrder::needs_summary() const {
  return std::ranges::any_of(
      keys_, [](const Key& key) { return key.property >= Property::from && key.property <= Property::sent; });
}

namespace {

// The name of the first address, or where it has none the address.
std::string first_name(const message::RecordView& view, message::RecordView::List list) {
  const auto first = view.first_of(list);
  if (!first) return "";
  std::string name = first->has_mailbox || !first->name.empty() ? message::decode_words(first->name) : "";
  if (!name.empty() || !first->has_mailbox) return name;
  name = first->mailbox;
  if (first->has_host) name.append("@").append(first->host);
  return name;
}

std::string folded(const std::string& text, bool unicode) {
  return unicode ? message::casemap(text) : to_lower(text);
}

}  // namespace

void EmailOrder::fill(Sorted& sorted, const catalog::Sheet& sheet, const KeywordSets& sets,
                      const std::string* summary) const {
  const std::span<const catalog::SheetRow> rows = sheet.rows(sorted.letter);
  const message::RecordView view(summary == nullptr ? std::string_view() : std::string_view(*summary));
  for (const Key& key : keys_) {
    auto& [number, text] = sorted.values.emplace_back(0, "");
    switch (key.property) {
      case Property::received:
        number = rows.front().received;
        break;
      case Property::size:
        number = rows.front().size;
        break;
      case Property::from:
        text = folded(first_name(view, message::RecordView::kFrom), key.unicode);
        break;
      case Property::to:
        text = folded(first_name(view, message::RecordView::kTo), key.unicode);
        break;
      case Property::subject:
        text = folded(view.base_subject(), key.unicode);
        break;
      case Property::sent:
        number = view.has_date() ? view.date_seconds() : 0;
        break;
      case Property::has:
        number = has_keyword(rows, sets, key.keyword) ? 1 : 0;
        break;
      default: {
        const Share share = share_with_keyword(sheet.thread(rows.front().thread), sets, key.keyword);
        const bool all = key.property == Property::all_have;
        number = (all ? share == Share::all : share != Share::none) ? 1 : 0;
      }
    }
  }
}

bool EmailOrder::before(const Sorted& a, const Sorted& b) const {
  for (size_t at = 0; at < keys_.size(); ++at) {
    if (a.values[at] != b.values[at]) return (a.values[at] < b.values[at]) == keys_[at].ascending;
  }
  return a.place < b.place;
}

Task<Result<std::vector<SheetLetter>>> EmailOrder::sort(const Services& services, store::AccountId account,
                                                        SheetPointer sheet, const KeywordSets& sets,
                                                        std::vector<SheetLetter> letters) const {
  // So that equals are told by date.
  if (!keys_[0].ascending) std::ranges::reverse(letters);
  if (by_date()) co_return letters;
  std::vector<Sorted> sorted;
  sorted.reserve(letters.size());
  for (const SheetLetter& letter : letters) sorted.push_back({letter, sorted.size()});
  std::map<catalog::Place, size_t> places;
  for (size_t at = 0; at < sorted.size(); ++at) {
    const catalog::SheetRow& row = sheet->rows(sorted[at].letter).front();
    if (needs_summary()) places.emplace(catalog::Place{row.mailbox, row.uid}, at);
    if (!needs_summary()) fill(sorted[at], *sheet, sets, nullptr);
  }
  while (!places.empty()) {
    const store::MailboxId mailbox = places.begin()->first.mailbox;
    std::map<store::Uid, size_t> some;
    std::vector<store::Uid> uids;
    while (!places.empty() && places.begin()->first.mailbox == mailbox && uids.size() < kReadTogether) {
      uids.push_back(places.begin()->first.uid);
      some.emplace(uids.back(), places.begin()->second);
      places.erase(places.begin());
    }
    Result<std::vector<store::Entry>> entries =
        co_await services.store.entries(account, mailbox, std::move(uids), true);
    if (!entries && entries.error().kind != FaultKind::not_found) co_return std::unexpected(entries.error());
    if (entries) {
      for (const store::Entry& entry : *entries)
        fill(sorted[some.at(entry.uid)], *sheet, sets, &entry.summary);
    }
    co_await LetOthers();
  }
  for (Sorted& one : sorted) {
    if (one.values.empty()) fill(one, *sheet, sets, nullptr);  // it went meanwhile
  }
  std::ranges::sort(sorted, [this](const Sorted& a, const Sorted& b) { return before(a, b); });
  letters.clear();
  for (const Sorted& one : sorted) letters.push_back(one.letter);
  co_return letters;
}

}  // namespace posthouse::access::jmap
