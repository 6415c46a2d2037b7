// Every limit of the directory in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::directory {

// ---- resolution
constexpr size_t kMaxAliasDepth = 10;     // alias of an alias of ...
constexpr size_t kMaxTargets = 1000;      // of one alias, and of one resolution
constexpr size_t kResolveCache = 10'000;  // answers kept in memory
constexpr size_t kMaxDisplayName = 255;   // octets

// ---- passwords
constexpr size_t kMaxPassword = 1024;  // octets; longer ones neither set nor verify
constexpr size_t kMaxLoginName = 512;  // octets; longer ones are nobody
constexpr size_t kMaxHash = 512;       // octets of an encoded hash
// OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
constexpr uint32_t kArgonMemoryKiB = 19 * 1024;
constexpr uint32_t kArgonPasses = 2;
constexpr uint32_t kArgonLanes = 1;
constexpr size_t kArgonSalt = 16;
constexpr size_t kArgonHash = 32;
// What an imported hash may cost at most to verify.
constexpr uint64_t kMaxImportedArgonMemoryKiB = 256 * 1024;
constexpr uint64_t kMaxImportedArgonPasses = 20;
constexpr uint64_t kMaxImportedArgonLanes = 8;
constexpr uint64_t kMaxImportedShaRounds = 1'000'000;
constexpr uint64_t kMaxImportedBcryptCost = 14;
// RFC 7677 section 4 asks for 4096 at least.
constexpr uint32_t kScramIterations = 10'000;
constexpr size_t kScramSalt = 16;
// ---- app passwords: made here, of 36 characters each place, so nobody guesses one
constexpr size_t kMaxAppPasswords = 64;     // of an account
constexpr size_t kMaxAppPasswordName = 64;  // octets
constexpr size_t kAppPasswordLength = 24;   // characters
constexpr size_t kAppSalt = 16;
constexpr size_t kUsesRemembered = 10'000;  // app passwords whose use of today is noted already
// ---- logins
// Logins of one network (a /24 or /64) that are verified at the same time, and that may wait for that.
// Guesses beyond the free failures can't be more than those verified at once.
constexpr size_t kLoginsOfANetwork = 4;
constexpr size_t kMaxWaitingOfANetwork = 256;  // a large office may stand behind one address
// Verifications that may wait for a thread before further ones are told to come back.
constexpr size_t kMaxWaitingLogins = 256;

// ---- verified passwords kept in memory, so that a client that logs in every minute costs Argon2id only once
constexpr size_t kVerifiedCache = 10'000;
constexpr std::chrono::minutes kVerifiedFor{5};

// ---- throttling of failed logins: tries without delay, then 1 s, 2 s, 4 s ... up to the longest
constexpr uint32_t kFreeFailuresAccount = 5;
constexpr uint32_t kFreeFailuresNetwork = 20;  // many people may share a /24 or /64
constexpr uint32_t kFreeFailuresKnown = 10;    // an account from a network it has logged in from before
constexpr std::chrono::seconds kLongestDelayAccount{60};
constexpr std::chrono::seconds kLongestDelayNetwork{300};
constexpr std::chrono::seconds kLongestDelayKnown{10};
constexpr std::chrono::minutes kForgetFailures{60};  // after this long without a failure
constexpr size_t kThrottleEntries = 20'000;          // of each kind; the longest unused goes first

}  // namespace posthouse::directory
