// Whether a folder or file can be used by this process. All look only. `policy`: the rights are missing;
// other kinds: nobody could.
#pragma once

#include <string>

#include "base/result.h"

namespace posthouse::app {

// The folder is there and files can be made in it, or it could be made.
Result<void> usable_folder(const std::string& path);

// The folder is there and files can be made and read in it.
Result<void> writable_folder(const std::string& path);

// The same as far as it is there.
Result<void> reachable_folder(const std::string& path);

// The file can be read.
Result<void> readable_file(const std::string& path);

// Every user of this machine may read the file, as far as its own rights go.
bool open_to_all(const std::string& path);

// The file can be written, or could be made together with its folder.
Result<void> writable_file(const std::string& path);

// A socket can be made there: nothing but an older socket is in the way.
Result<void> usable_socket(const std::string& path);

// What the disk holds on which the folder is or would be made; 0: that can't be told.
uint64_t disk_size(const std::string& path);

}  // namespace posthouse::app
