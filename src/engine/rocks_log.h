// The store's log as RocksDB writes it, read without RocksDB, which takes some kinds of damage for the end.
//
// Blocks of 32 KiB hold pieces of records: masked CRC-32C (4 bytes) of all that follows the length, length
// (2, little-endian), type (1: a whole record, its first, a middle, its last piece), bytes. Less than a
// header at the end of a block is filled with zeros. A record is a batch: the number of its first row (8),
// how many rows (4), the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::engine {

// What a batch begins with that was not flushed: nobody was told that it is there.
inline constexpr std::string_view kUnflushedMark = "unflushed";

// What the logs have told so far, in the order of their numbers.
struct LogReading {
  uint64_t next = 0;       // the number of the row that should come; 0: any
  bool broken = false;     // there was something unreadable, and no record since
  bool unwritten = false;  // which looks like pages that never came to the disk
  bool damaged = false;    // there was something unreadable with a record behind it
  uint64_t bytes = 0;      // of that
  uint64_t records = 0;    // that could be read
  uint64_t behind = 0;     // of these: behind damage
  bool cut = false;      // left out what stands behind pages that never came to the disk, and was not flushed
  bool foreign = false;  // pieces of a kind that we don't write: better left alone
};

using LogVisitor = std::function<Result<void>(std::string_view record)>;

// Reads on where the log before ended. Calls `visit` for each record that can be read.
Result<void> read_log(const std::string& path, LogReading& reading, const LogVisitor& visit);

// The records of a file of the same form that is no log of batches (the manifest), as far as they can be
// read.
Result<void> read_records(const std::string& path, const LogVisitor& visit);

// Writes records as a log.
class LogWriter {
 public:
  using Sink = std::function<void(std::string_view bytes)>;
  explicit LogWriter(Sink sink) : sink_(std::move(sink)) {}
  void add(std::string_view record);

 private:
  Sink sink_;
  size_t in_block_ = 0;
};

}  // namespace posthouse::engine
