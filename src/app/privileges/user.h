// Who the program runs as.
#pragma once

#include <string>

#include "base/result.h"

namespace posthouse::app {

struct User {
  unsigned uid = 0, gid = 0;
  std::string name;
};

bool is_root();

// The user by name, with his own group; not_found with advice.
Result<User> find_user(const std::string& name);
// The name of a user, or the number where it has none.
std::string name_of_user(unsigned uid);
// The group's number.
Result<unsigned> find_group(const std::string& name);

// Gives root up for good: groups, gid, uid, all capabilities, and no way back (no_new_privs). Checks that it
// is so.
Result<void> become(const User& user);

// No program started from here gets more rights than this one (prctl PR_SET_NO_NEW_PRIVS).
Result<void> set_no_new_privileges();

// Makes the directory with all its parents if it is not there; the last one with these permissions, and, as
// root, belonging to `owner`.
Result<void> make_directory(const std::string& path, unsigned mode, const User* owner);

}  // namespace posthouse::app
