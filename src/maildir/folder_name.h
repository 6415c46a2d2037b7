// Names of Maildir++ subfolders: ".A.B" on the disk, each level in modified UTF-7 (RFC 3501 section 5.1.3);
// "A/B" in UTF-8 inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/raw_name.h"
#include "base/result.h"

namespace posthouse::maildir {

// ".A.B" for "A/B". A dot within a level, which nobody else can write, becomes "&AC4-". syntax: an empty
// level, a NUL or other text that is no UTF-8, too long, too deep.
Result<std::string> encode_folder(std::string_view name);

// "A/B" for ".A.B"; nothing unless it is the one spelling that encode_folder() gives.
std::optional<std::string> decode_folder(std::string_view directory);

// A name to show for a directory that can't be decoded: its levels as they are, bytes that are no UTF-8 as
// %XX.
std::string raw_folder(std::string_view directory);

// The same with "%" as %25 where there are such, and what stands between no two levels as %2E: no two
// directories have the same.
RawName raw_folder_name(std::string_view directory);

// INBOX in any case.
bool is_inbox(std::string_view name);

}  // namespace posthouse::maildir
