// What tells a letter apart for people.
#pragma once

#include <string>

#include "store/types.h"

namespace posthouse::app::backup {

// " (Message-ID <...>)", else " (Subject: ...)", from its summary, in one line whatever a sender wrote; ""
// without both.
std::string words_for(const store::Entry& letter);

}  // namespace posthouse::app::backup
