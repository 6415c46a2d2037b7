#include "mirror/maildir_marks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "maildir/limits.h"
#include "mirror/driver.h"

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

// The bit of the letter that $Forwarded has.
uint32_t forwarded_letter(const maildir::KeywordTable& table) {
  const std::optional<int> letter = table.find(kForwarded);
  return letter ? 1u << *letter : 0;
}

// Where the file's name begins; what stands before it is its folder.
size_t file_of(std::string_view location) {
  const size_t slash = location.find('/');
  return slash == location.npos ? location.size() : slash + 1;
}

// From a version that did not tell letters without names.
bool is_old(std::string_view location) {
  return location.substr(0, file_of(location)).find('?') == location.npos;
}

// The letters that had no name.
uint32_t unnamed_in(std::string_view location) {
  uint32_t letters = 0;
  const std::string_view folder = location.substr(0, file_of(location));
  for (const char c : folder.substr(std::min(folder.find('?'), folder.size()))) {
    if (c >= 'a' && c <= 'z') letters |= 1u << (c - 'a');
  }
  return letters;
}

}  // namespace

std::string to_location(const maildir::Place& place, const maildir::KeywordTable& table) {
  std::string out = place.where == maildir::Where::fresh ? "new" : "cur";
  const uint32_t letters = maildir::marks_of(place.file).letters;
  if (letters != 0) out += '?';
  for (int i = 0; i < maildir::kLetters; ++i) {
    if (((letters & ~table.named()) >> i & 1) != 0) out += static_cast<char>('a' + i);
  }
  return out + "/" + place.file;
}

maildir::Place to_place(std::string_view location) {
  return {location.starts_with("new") ? maildir::Where::fresh : maildir::Where::current,
          std::string(location.substr(file_of(location)))};
}

Marks known_marks(std::string_view location) {
  Marks marks = maildir::marks_of(location.substr(file_of(location)));
  marks.letters &= ~unnamed_in(location);
  return marks;
}

Marks to_marks(const store::FlagSet& flags, const maildir::KeywordTable& table) {
  Marks marks;
  for (const auto& [flag, mark] : kSystem) {
    if ((flags.system & flag) != 0) marks.flags = static_cast<uint8_t>(marks.flags | mark);
  }
  for (const std::string& name : flags.keywords) {
    if (iequals(name, kForwarded)) marks.flags |= Marks::kPassed;
    const std::optional<int> letter = table.find(name);
    if (letter && (table.named() >> *letter & 1) != 0) marks.letters |= 1u << *letter;
  }
  return marks;
}

store::FlagSet to_flags(const Marks& marks, const maildir::KeywordTable& table) {
  store::FlagSet flags;
  for (const auto& [flag, mark] : kSystem) {
    if ((marks.flags & mark) != 0) flags.system = static_cast<uint8_t>(flags.system | flag);
  }
  const uint32_t forwarded = forwarded_letter(table);
  flags.keywords = table.names_of(marks.letters & ~forwarded);
  if ((marks.flags & Marks::kPassed) != 0 || (marks.letters & forwarded) != 0)
    flags.keywords.emplace_back(kForwarded);
  std::ranges::sort(flags.keywords, less);
  return flags;
}

MarksChanged changed_since(std::string_view location, const Marks& now, const maildir::KeywordTable& table) {
  const Marks before = known_marks(location);
  MarksChanged out;
  const uint32_t letter = forwarded_letter(table);
  const auto without = [&](Marks marks) {
    marks.flags = static_cast<uint8_t>(marks.flags & ~Marks::kPassed);
    marks.letters &= ~letter;
    return to_flags(marks, table);
  };
  out.added = difference(without(now), without(before));
  out.removed = difference(without(before), without(now));
  if (is_old(location)) {
    for (int i = 0; i < maildir::kLetters; ++i) {
      if ((before.letters >> i & 1) != 0) out.removed.keywords.push_back(maildir::unknown_name(i));
    }
    out.removed.keywords = difference(out.removed, without(now)).keywords;
    out.added.keywords = without(now).keywords;
  }
  const bool had_mark = (before.flags & Marks::kPassed) != 0, has_mark = (now.flags & Marks::kPassed) != 0;
  const bool had_letter = (before.letters & letter) != 0, has_letter = (now.letters & letter) != 0;
  if (had_mark == has_mark && had_letter == has_letter) return out;
  // Whichever of the two somebody changed counts; of two that came and went, what came.
  const bool is = (has_mark && !had_mark) || (has_letter && !had_letter);
  (is ? out.added : out.removed).keywords.emplace_back(kForwarded);
  Marks& align = is ? out.align.add : out.align.remove;
  if (has_mark != is) align.flags = Marks::kPassed;
  if (has_letter != is) align.letters = letter;
  return out;
}

maildir::MarkChange change_to(const store::FlagSet& flags, std::string_view location,
                              const maildir::KeywordTable& table, bool only_ours) {
  constexpr uint8_t kEvery =
      Marks::kDraft | Marks::kFlagged | Marks::kPassed | Marks::kReplied | Marks::kSeen | Marks::kTrashed;
  const Marks known = known_marks(location);
  const Marks had = only_ours ? Marks{kEvery, table.named()} : known;
  const Marks lacks = only_ours ? Marks() : known;
  Marks wanted = to_marks(flags, table);
  // Under such a name earlier versions had a letter without one.
  for (const std::string& name : flags.keywords) {
    const std::optional<int> letter = maildir::unknown_letter(name);
    if (letter && is_old(location)) wanted.letters |= known.letters & (1u << *letter);
  }
  maildir::MarkChange change;
  change.add.flags = static_cast<uint8_t>(wanted.flags & ~lacks.flags);
  change.add.letters = wanted.letters & ~lacks.letters;
  change.remove.flags = static_cast<uint8_t>(had.flags & ~wanted.flags);
  change.remove.letters = had.letters & ~wanted.letters & table.named();
  return change;
}

std::string expected_location(std::string_view location, const maildir::MarkChange& change) {
  maildir::Name name = maildir::parse_name(location.substr(file_of(location)));
  name.marks = change.apply(name.marks);
  return std::string(location.substr(0, file_of(location))) + maildir::format_name(name);
}

std::vector<std::string> unlettered(const store::FlagSet& flags, const maildir::KeywordTable& table) {
  std::vector<std::string> names;
  for (const std::string& name : flags.keywords) {
    const bool needs = !maildir::unknown_letter(name) && (table.dovecots || !iequals(name, kForwarded));
    if (needs && !table.find(name)) names.push_back(name);
  }
  return names;
}

}  // namespace posthouse::mirror
