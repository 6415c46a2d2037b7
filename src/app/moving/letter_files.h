// Folders of .eml files. What such a file can't say stands in a file beside them: a line for each of
//   FILE TAB FLAGS (bits of store::Flag, decimal) TAB keywords, with blanks between them
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::app::moving {

inline constexpr std::string_view kFlagsFile = ".posthouse-flags";

std::string flags_line(const std::string& file, const store::FlagSet& flags);
// Lines that can't be read are passed over.
std::map<std::string, store::FlagSet, std::less<>> read_flags_file(const std::string& folder);

}  // namespace posthouse::app::moving
