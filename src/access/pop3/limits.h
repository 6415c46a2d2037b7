// Every limit of a POP3 session, in one place. Those of the grammar are in wire/pop3/limits.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::access::pop3 {

constexpr size_t kOutputChunk = 64 * 1024;   // answers are written as soon as this much waits
constexpr size_t kKeptBuffer = 512;          // a larger output buffer is given back when a session waits
constexpr size_t kLetterPiece = 128 * 1024;  // of a letter read from the store at once
// Of letters read together, and as much that comes behind them, while a client has sent further commands
// already, or has asked for so many one after the other.
constexpr size_t kReadAhead = 64 * 1024;
constexpr uint32_t kInARow = 4;
constexpr size_t kEntriesListed = 1'000;  // of a listing read in one go
constexpr uint32_t kEntriesNear = 32;     // read together when one is asked for...
constexpr uint32_t kEntriesInARow = 256;  // ... and when many are, one after the other
constexpr uint32_t kMaxFailedLogins = 5;  // then the connection ends
// A session that wrote none of its answers for so long gives way to another one of its account.
constexpr std::chrono::seconds kStalled{30};
constexpr std::chrono::seconds kFarewellTime{5};  // to write the last line

}  // namespace posthouse::access::pop3
