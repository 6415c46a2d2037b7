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
// Random characters of a Message-ID.
constexpr size_t kMessageIdToken = 24;

}  // namespace posthouse::submission
