// The rows of one partition in a file beside the store: what can't be rebuilt from anything else is there
// twice, in case the store's own files are damaged where those rows are.
//
//   file    a line that says what it is, then records, each behind its length (4 bytes, little-endian)
//   record  version 1: key, value (engine/record.h); both empty in the last one
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/task.h"
#include "engine/engine.h"

namespace posthouse::engine {

// Replaces the file; it is on disk when this returns, and whole whenever the process ends. Fails with io.
Result<void> copy_partition(const Reader& reader, Partition partition, const std::string& path);

// Calls `row` for each row of the file. False: it is damaged, and those were the rows up to there. not_found:
// there is no such file.
Result<bool> read_partition_copy(
    const std::string& path, const std::function<void(std::string_view key, std::string_view value)>& row);

// Puts rows of the file back that the partition has not got, and gives how many. A damaged file counts up to
// its damage. not_found: there is no such file.
Task<Result<uint64_t>> put_back_missing(Engine& engine, Partition partition, const std::string& path);

}  // namespace posthouse::engine
