// Blob files that have lost their header or were cut off, shown to RocksDB as if they had both ends: it gives
// up on the whole of such a file otherwise, and what lies between can be read.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace posthouse::engine {

// `env` with its files (null: the system's). Nothing on the disk is changed.
std::unique_ptr<rocksdb::Env> complete_blob_files(rocksdb::Env* env);

}  // namespace posthouse::engine
