// Other people's programs, run on folders of a test.
#pragma once

#include <string>
#include <vector>

namespace posthouse::maildir::test {

struct Ran {
  int status = -1;  // its exit code
  std::string output;
};
// Gives it `input` (up to 60 KB) and waits for its end. The environment is HOME, PATH, TERM and USER. As root
// it is run as `nobody`, if `as_nobody`: Dovecot refuses root.
Ran run(const std::vector<std::string>& command, const std::string& home, const std::string& input,
        bool as_nobody = false);

// The same on a terminal of its own, without input.
Ran run_on_terminal(const std::vector<std::string>& command, const std::string& home);

// As root: everything below `path` belongs to `nobody`.
void hand_over(const std::string& path);

}  // namespace posthouse::maildir::test
