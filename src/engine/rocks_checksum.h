// Checksums of RocksDB's files.
#pragma once

namespace posthouse::engine {

// RocksDB as Debian builds it (for the oldest processors of the architecture) takes CRC-32C from tables,
// which was a fifth of the time that reading bodies and writing the log took. On x86-64 the function behind
// this one stands in for RocksDB's, for every program that this is linked into: a symbol of the program goes
// before one of a shared library. False where it does not.
bool rocks_uses_our_crc32c();

}  // namespace posthouse::engine
