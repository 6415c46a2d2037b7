#include "access/imap/filters.h"

#include <algorithm>
#include <map>

#include "access/imap/limits.h"
#include "base/ascii.h"
#include "message/unicode_text.h"
#include "wire/imap/limits.h"
#include "wire/imap/search_criteria.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::SearchKey;

bool names_filters(const SearchKey& key) {
  return key.type == SearchKey::filter || std::ranges::any_of(key.children, names_filters);
}

class Filters {
 public:
  explicit Filters(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  // False: `undefined` names one that can't be put in.
  bool put_in(SearchKey& key, size_t depth) {
    if (key.type != SearchKey::filter)
      return std::ranges::all_of(key.children, [&](SearchKey& child) { return put_in(child, depth); });
    const std::string name = key.text;
    const auto value = values_.find(to_lower(name));
    SearchKey criteria;
    const bool known = value != values_.end() && depth < kFilterPasses &&
                       wire::imap::parse_search_criteria(value->second, criteria);
    if (known) {
      keys_ += wire::imap::count_keys(criteria);
      bytes_ += value->second.size();
    }
    if (!known || keys_ > wire::imap::kMaxSearchKeys || bytes_ > kFilterBytes) {
      if (undefined.empty()) undefined = name;
      return false;
    }
    key = std::move(criteria);
    return put_in(key, depth + 1);
  }

  std::string undefined;

 private:
  std::map<std::string, std::string> values_;  // by name
  size_t keys_ = 0, bytes_ = 0;
};

bool is_utf8_or_ascii(const std::string& charset) {
  return charset.empty() || iequals(charset, "UTF-8") || iequals(charset, "US-ASCII");
}

}  // namespace

bool is_filter(const std::string& value) {
  SearchKey criteria;
  return message::is_utf8(value) && wire::imap::parse_search_criteria(value, criteria);
}

Task<std::optional<Reply>> put_in_filters(Session& s, wire::imap::Search& c) {
  if (!names_filters(c.key)) co_return std::nullopt;
  // Section 3.1
  if (!is_utf8_or_ascii(c.charset)) co_return bad("Filters are in UTF-8", "BADCHARSET (US-ASCII UTF-8)");
  Result<std::vector<store::Annotation>> all = co_await s.store().annotations(s.account, 0);
  if (!all) co_return refuse(all.error());
  std::map<std::string, std::string> values;
  for (store::Annotation& one : *all) {
    if (one.name.starts_with(kFilterValues))
      values.emplace(one.name.substr(kFilterValues.size()), std::move(one.value));
  }
  Filters filters(std::move(values));
  if (!filters.put_in(c.key, 0))
    co_return no("There is no such filter", "UNDEFINED-FILTER " + filters.undefined);
  co_return std::nullopt;
}

}  // namespace posthouse::access::imap
