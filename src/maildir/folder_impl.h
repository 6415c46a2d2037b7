// A folder's descriptors, and what one reading of it gives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "maildir/folder.h"

namespace posthouse::maildir {

struct Folder::Folders {
  File root, fresh, current, tmp;
  int of(Where where) const { return where == Where::fresh ? fresh.fd() : current.fd(); }
};

struct Folder::Entry {
  Place place;
  uint64_t inode = 0;
};

// By base, in the order in which they were seen.
struct Folder::Reading {
  std::map<std::string, std::vector<Entry>, std::less<>> entries;
  size_t count = 0;
};

const char* name_of(Where where);  // "new", "cur"

// A base of a file of this folder, or nothing if the file is none of ours to touch.
bool is_message_name(std::string_view file);

}  // namespace posthouse::maildir
