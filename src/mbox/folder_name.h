// Names of folders: UTF-8 with "/" between parts for us, modified UTF-7 on disk, as Dovecot has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace posthouse::mbox {

// Behind the name of a directory that holds what lies below a mailbox: the mailbox is a file, and that has
// the name already. As Thunderbird has it.
inline constexpr std::string_view kBelowMailbox = ".sbd";

// The parts as they are on disk. Refuses (syntax) what could be another file or leave the root: empty parts,
// parts that begin with a dot, control characters, names of lock files and journals, parts that are too long,
// too many parts, INBOX (its file is elsewhere; what lies below it is in a directory INBOX).
Result<std::vector<std::string>> folder_parts(std::string_view name);

// Whether a name found in a folder may be a mailbox or a part of a name, whatever its characters.
bool may_be_part(std::string_view part);

}  // namespace posthouse::mbox
