// A folder's descriptors, and what a reading of it gives.
#pragma once

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
  size_t base_length = 0;
  size_t order = 0;  // less: seen later
  std::string_view base() const { return std::string_view(place.file).substr(0, base_length); }
};

const char* name_of(Where where);  // "new", "cur"

// May the file be a message? Others are none of ours to touch.
bool is_message_name(std::string_view file);

}  // namespace posthouse::maildir
