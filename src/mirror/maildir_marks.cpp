#include "mirror/maildir_marks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"

namespace posthouse::mirror {

namespace {

using maildir::Marks;

constexpr std::array<std::pair<uint8_t, uint8_t>, 5> kSystem{{{store::kSeen, Marks::kSeen},
                                                              {store::kAnswered, Marks::kReplied},
                                                              {store::kFlagged, Marks::kFlagged},
                                                              {store::kDeleted, Marks::kTrashed},
                                                              {store::kDraft, Marks::kDraft}}};

bool less(const std::string& a, const std::string& b) {
  return std::ranges::lexicographical_compare(a, b, {}, ascii_lower, ascii_lower);
}

}  // namespace

Marks to_marks(const store::FlagSet& flags, const maildir::KeywordTable& table) {
  Marks marks;
  for (const auto& [flag, mark] : kSystem) {
    if ((flags.system & flag) != 0) marks.flags = static_cast<uint8_t>(marks.flags | mark);
  }
  for (const std::string& name : flags.keywords) {
    if (iequals(name, kForwarded)) {
      marks.flags |= Marks::kPassed;
    } else if (const std::optional<int> letter = table.find(name)) {
      marks.letters |= 1u << *letter;
    }
  }
  return marks;
}

store::FlagSet to_flags(const Marks& marks, const maildir::KeywordTable& table) {
  store::FlagSet flags;
  for (const auto& [flag, mark] : kSystem) {
    if ((marks.flags & mark) != 0) flags.system = static_cast<uint8_t>(flags.system | flag);
  }
  flags.keywords = table.names_of(marks.letters);
  if ((marks.flags & Marks::kPassed) != 0) flags.keywords.emplace_back(kForwarded);
  std::ranges::sort(flags.keywords, less);
  return flags;
}

std::vector<std::string> lettered(const store::FlagSet& flags) {
  std::vector<std::string> names;
  for (const std::string& name : flags.keywords) {
    if (!iequals(name, kForwarded)) names.push_back(name);
  }
  return names;
}

}  // namespace posthouse::mirror
