// The keywords of a mailbox and their numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

class KeywordTable {
 public:
  KeywordTable() = default;
  explicit KeywordTable(std::vector<std::string> names) : names_(std::move(names)) {}

  // The numbers of the names, rising; new names are added. Fails with `policy` on a name of more than
  // kMaxKeywordBytes or when there would be more than kMaxKeywords.
  Result<std::vector<uint8_t>> numbers(const std::vector<std::string>& names);
  // Those that are known.
  std::vector<uint8_t> known_numbers(const std::vector<std::string>& names) const;

  // The flags with these bits and numbers; numbers that are not in the table are left out.
  FlagSet flags(uint8_t system, const std::vector<uint8_t>& numbers) const;
  const std::vector<std::string>& names() const { return names_; }
  bool changed() const { return changed_; }

 private:
  std::optional<uint8_t> find(std::string_view name) const;

  std::vector<std::string> names_;
  bool changed_ = false;
};

}  // namespace posthouse::store
