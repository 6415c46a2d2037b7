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

  std::optional<int> find(std::string_view name) const;  // keywords have no case
  // The bits of Marks::letters.
  std::vector<std::string> names_of(
      uint32_t letters) const;  // "unknown-3" for one without a name, as Dovecot has it
};
KeywordTable parse_keywords(std::string_view text);
std::string format_keywords(const KeywordTable& table);

class Keywords {
 public:
  Keywords(Folder folder, const Clock& clock) : folder_(std::move(folder)), clock_(clock) {}

  Result<KeywordTable> read() const;
  // The table with letters for all of `names` that can have one; the file is written if it had to be
  // extended. With all letters in use the rest stays without: such a keyword is not in the files. `used`:
  // letters that stand in file names now; free ones are not given a new meaning. `unique` from NameMaker.
  Result<KeywordTable> extend(const std::vector<std::string>& names, const std::string& unique,
                              uint32_t used = 0) const;

 private:
  static Result<KeywordTable> read_in(int folder);
  Folder folder_;
  const Clock& clock_;
};

}  // namespace posthouse::maildir
