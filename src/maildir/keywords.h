// Which keyword each letter in the file names of a folder stands for: lines "0 name" to "25 name". Dovecot's
// file `dovecot-keywords` where Dovecot is at work, read and extended under its lock; else our own
// `posthouse-keywords`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/folder.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

struct KeywordTable {
  std::array<std::string, kLetters> names;  // empty: the letter is free
  bool dovecots = false;                    // Dovecot is at work here

  std::optional<int> find(std::string_view name) const;  // keywords have no case
  // The letters that have a name: bits of Marks::letters. What Dovecot writes for one whose name it does not
  // know ("3 unknown-3") is none.
  uint32_t named() const;
  std::vector<std::string> names_of(uint32_t letters) const;  // of those that have one
};
// "unknown-3", under which Dovecot shows the letter "d" when it has no name, as earlier versions of ours did.
std::string unknown_name(int letter);
std::optional<int> unknown_letter(std::string_view name);
KeywordTable parse_keywords(std::string_view text);
std::string format_keywords(const KeywordTable& table);

class Keywords {
 public:
  Keywords(Folder folder, const Clock& clock) : folder_(std::move(folder)), clock_(clock) {}

  Result<KeywordTable> read() const;
  // The table with letters for all of `names` that can have one; the file is written if it had to be
  // extended. With all letters in use the rest stays without: such a keyword is not in the files. Letters
  // that stand in file names and have no name (yet: Dovecot renames files first) are not given another
  // meaning. `unique` from NameMaker. temporary: another program keeps the lock for longer than `patience`.
  Result<KeywordTable> extend(const std::vector<std::string>& names, const std::string& unique,
                              milliseconds patience = kLockPatience) const;

 private:
  static Result<KeywordTable> read_in(int folder);
  Folder folder_;
  const Clock& clock_;
};

}  // namespace posthouse::maildir
