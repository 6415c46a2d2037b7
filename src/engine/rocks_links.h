// A snapshot of a store of which blob files are missing.
#pragma once

#include <string>

#include <rocksdb/db.h>

#include "base/result.h"

namespace posthouse::engine {

// A file in such a snapshot: the names of what is missing there, one a line.
inline constexpr const char* kMissingFiles = "MISSING";

// As rocksdb::Checkpoint makes it, which gives up at the first file that is not there: all live files of one
// moment in `folder`, which must not exist, but for blob files that are missing. Their bodies are lost
// already, and the others shall not be. Blocking. Leaves nothing when it fails.
rocksdb::Status link_live_files(rocksdb::DB& db, const std::string& folder);

}  // namespace posthouse::engine
