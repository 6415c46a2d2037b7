// Commands for people to paste into a shell.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::app {

// One word for a POSIX shell, in quotes where it needs them.
std::string shell_word(std::string_view text);

// How to start this program: "posthouse" where that is what the shell would find, else its path.
std::string program_word();

}  // namespace posthouse::app
