// The named limits of SMTP sessions. Those that operators may change are in ServerOptions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::smtp {

// Replies wait for the end of a pipelined batch, but not beyond this many octets.
inline constexpr size_t kMaxBatchedReplies = 16 * 1024;

// Octets of an overlong command line that are read and thrown away before the session ends.
inline constexpr size_t kMaxSkippedLine = 1024 * 1024;

// Largest piece of a letter that is handed on at once.
inline constexpr size_t kDataPiece = 64 * 1024;

// Octets of a letter that is already refused that are read and thrown away, beyond the largest size.
inline constexpr uint64_t kMinDiscard = 16 * 1024 * 1024;

// Octets a second below which a letter that takes longer than data_timeout is given up.
inline constexpr uint64_t kMinDataRate = 1024;

// How long a client that broke the line discipline inside DATA may stay silent before it is told.
inline constexpr seconds kDefectPatience{10};

// How long a parting word may take to leave.
inline constexpr seconds kFarewell{5};

// Failed logins of one session (RFC 4954 section 4 lets the server end it).
inline constexpr uint32_t kMaxFailedLogins = 3;

// Messages of one authentication exchange.
inline constexpr uint32_t kMaxAuthSteps = 8;

// Recipients refused for good since the last letter: beyond, somebody is trying names.
inline constexpr uint32_t kMaxRefusedRecipients = 200;

// Client: RCPT commands sent before their replies are read, so that neither side waits for the other with
// full buffers (RFC 2920 section 3.1).
inline constexpr size_t kPipelineBatch = 100;

// Client: octets of a letter sent at once.
inline constexpr size_t kClientPiece = 64 * 1024;

// Client: how long the reply to QUIT is waited for.
inline constexpr seconds kQuitPatience{5};

}  // namespace posthouse::smtp
