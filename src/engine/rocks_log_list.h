// Which logs of the store should be there: a list beside them. RocksDB itself takes a missing one for a log
// that was never written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace rocksdb {
class Env;
}

namespace posthouse::engine {

// `env` with its files (null: the system's), keeping the list of the logs made and removed in `directory`.
// Outlives what uses it, and is outlived by `env`.
std::unique_ptr<rocksdb::Env> list_logs(rocksdb::Env* env, const std::string& directory);

// The listed ones that are not there: names.
std::vector<std::string> missing_logs(const std::string& directory);
Result<void> forget_log(const std::string& directory, const std::string& name);

}  // namespace posthouse::engine
