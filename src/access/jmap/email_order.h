// In which order letters are told (RFC 8621 section 4.4.2).
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "access/jmap/email_search.h"
#include "access/jmap/standard_query.h"

namespace posthouse::access::jmap {

// By which letters can be sorted.
std::vector<std::string_view> sort_properties();

class EmailOrder {
 public:
  enum class Property { received, size, from, to, subject, sent, has, all_have, some_have };

  // From the "sort" of a query; nothing: the newest first. unsupportedSort.
  static std::expected<EmailOrder, CallError> parse(const std::vector<Comparator>& sort);

  // By the date of receiving alone: then letters need no sorting, but perhaps from the end.
  bool by_date() const { return keys_.size() == 1 && keys_[0].property == Property::received; }
  bool newest_first() const { return !keys_[0].ascending; }
  // Keywords that KeywordSets must have.
  std::set<std::string> keywords() const;
  bool by_thread() const;
  bool immutable() const;

  // Sorts. Letters of which it does not matter are told by date and id, as the first key has it.
  Task<Result<std::vector<SheetLetter>>> sort(const Services& services, store::AccountId account,
                                              SheetPointer sheet, const KeywordSets& sets,
                                              std::vector<SheetLetter> letters) const;

 private:
  struct Key {
    Property property = Property::received;
    bool ascending = true;
    bool unicode = true;  // the collation
    std::string keyword{};
  };
  struct Sorted;
  bool needs_summary() const;
  void fill(Sorted& letter, const catalog::Sheet& sheet, const KeywordSets& sets,
            const std::string* summary) const;
  bool before(const Sorted& a, const Sorted& b) const;

  std::vector<Key> keys_;
};

}  // namespace posthouse::access::jmap
