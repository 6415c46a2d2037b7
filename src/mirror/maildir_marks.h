// Flags of messages as Maildir has them in file names, and where in a Maildir a message is.
//
// A location is "cur/FILE" or "new/FILE". Where FILE has letters of keywords it is "cur?LETTERS/FILE", with
// those of them that had no name when the index took over what the file says: when one gets its name later,
// that is a change by others. (Without "?", but with letters: from a version that showed such as
// "unknown-3".)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "maildir/folder.h"
#include "maildir/keywords.h"
#include "maildir/name.h"
#include "store/types.h"

namespace posthouse::mirror {

// "P" (passed) is the keyword $Forwarded. Dovecot (2.3) leaves "P" as it is and has a letter for $Forwarded
// as for any keyword: where it is at work both say the same.
inline constexpr std::string_view kForwarded = "$Forwarded";

std::string to_location(const maildir::Place& place, const maildir::KeywordTable& table);
maildir::Place to_place(std::string_view location);
// What the file of a location said that the index knows.
maildir::Marks known_marks(std::string_view location);

// Keywords without a letter in the table are left out.
maildir::Marks to_marks(const store::FlagSet& flags, const maildir::KeywordTable& table);
store::FlagSet to_flags(const maildir::Marks& marks, const maildir::KeywordTable& table);

// What others changed in a file since `location`: the flags that came and went.
struct MarksChanged {
  store::FlagSet added, removed;
  maildir::MarkChange align;  // brings "P" and the letter of $Forwarded in line, after one of them changed
};
MarksChanged changed_since(std::string_view location, const maildir::Marks& now,
                           const maildir::KeywordTable& table);

// The change that makes a file have `flags`, but for what others changed since `location`. `only_ours`: also
// what they changed.
maildir::MarkChange change_to(const store::FlagSet& flags, std::string_view location,
                              const maildir::KeywordTable& table, bool only_ours);

// The location as it is after that change, if nobody else changes anything.
std::string expected_location(std::string_view location, const maildir::MarkChange& change);

// The keywords that need a letter in a folder of that table and have none.
std::vector<std::string> unlettered(const store::FlagSet& flags, const maildir::KeywordTable& table);

}  // namespace posthouse::mirror
