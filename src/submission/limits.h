// Limits of submission.
#pragma once

#include <cstddef>

namespace posthouse::submission {

// The header of a submitted letter, which is held until its end for grooming.
constexpr size_t kMaxHeader = 128 * 1024;
// Authors and senders that one letter may name.
constexpr size_t kMaxAuthors = 50;
// A letter to be signed is held so far; longer ones go unsigned.
constexpr size_t kMaxHeldForSigning = 128 * 1024;
// Octets of a line of the header that we changed (RFC 5322 section 2.1.1 allows 998 and CRLF; the name of the
// field comes on top), and where a longer one is folded.
constexpr size_t kMaxLine = 900;
constexpr size_t kFoldedLine = 70;
// Random characters of a Message-ID.
constexpr size_t kMessageIdToken = 24;
constexpr size_t kCompletionRounds = 4;  // until a list of addresses reads the same

}  // namespace posthouse::submission
