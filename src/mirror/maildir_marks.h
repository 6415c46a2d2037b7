// Flags of messages as Maildir has them in file names.
#pragma once

#include "maildir/keywords.h"
#include "maildir/name.h"
#include "store/types.h"

namespace posthouse::mirror {

// "P" (passed) is the keyword $Forwarded.
inline constexpr std::string_view kForwarded = "$Forwarded";

// Keywords without a letter in the table are left out.
maildir::Marks to_marks(const store::FlagSet& flags, const maildir::KeywordTable& table);
store::FlagSet to_flags(const maildir::Marks& marks, const maildir::KeywordTable& table);
// The keywords that need a letter.
std::vector<std::string> lettered(const store::FlagSet& flags);

}  // namespace posthouse::mirror
