// Names of folders: UTF-8 with "/" between parts for us, modified UTF-7 (RFC 3501 section 5.1.3) on disk, as
// Dovecot has them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::mbox {

// Fails with syntax when it is not UTF-8.
Result<std::string> to_modified_utf7(std::string_view utf8);
// Fails with syntax when it is not what to_modified_utf7 writes: one name has one form.
Result<std::string> from_modified_utf7(std::string_view text);

// The path on disk below the root: modified UTF-7, parts with "/". Refuses (syntax) what could be another
// file or leave the root: empty parts, parts that begin with a dot, control characters, names of lock files
// and journals, parts that are too long, too many parts, "INBOX" as the first part (it lives elsewhere).
Result<std::string> folder_path(std::string_view name);

// Whether a name found in a folder may be a mailbox or a part of a name.
bool is_folder_part(std::string_view part);

}  // namespace posthouse::mbox
