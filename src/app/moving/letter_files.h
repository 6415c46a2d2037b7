// The file `.posthouse-flags` in a folder that we exported: what the files of letters beside it can't say. A
// line for each of
//   FILE TAB FLAGS (bits of store::Flag, decimal) TAB keywords, with blanks between them [TAB DATE]
// DATE, in milliseconds since 1970, where not every file system can keep it as the time of a file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/types.h"

namespace posthouse::app::moving {

inline constexpr std::string_view kFlagsFile = ".posthouse-flags";

struct LetterNote {
  store::FlagSet flags;
  std::optional<SystemTime> date;
};
using LetterNotes = std::map<std::string, LetterNote, std::less<>>;

bool is_date_of_file(SystemTime date);
std::string note_line(const std::string& file, const store::FlagSet& flags, SystemTime date);
// Lines that can't be read are passed over.
LetterNotes read_notes(const std::string& folder);

}  // namespace posthouse::app::moving
