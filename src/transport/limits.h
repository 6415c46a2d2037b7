// The numbers of the transport agent, in one place. What an operator may want to change is in Options
// instead.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::transport {

// ---- what is in memory of the queue
constexpr size_t kReadyLetters = 2048;       // letters loaded at most
constexpr size_t kReadyRecipients = 50'000;  // recipients of those, about
constexpr size_t kLeaseBatch = 256;          // letters taken from the queue at once
constexpr size_t kJobsPerDestination = 512;  // then further letters for it are remembered by their id only
constexpr size_t kPuttingOff = 256;          // when those are too many: put off in the queue at the same time
constexpr size_t kParkedBatch = 64;          // loaded again at once
constexpr seconds kPutOff{300};
constexpr size_t kRecipientsPerTransaction = 100;  // RFC 5321 section 4.5.3.1.8: what every server takes

// ---- routes
constexpr size_t kMaxMxHosts = 10;  // of a domain, best first
constexpr size_t kMaxAddressesPerHost = 4;
constexpr size_t kMaxAddresses = 16;  // of a route
constexpr seconds kRouteLife{60};     // then it is asked for again (the resolver has its own cache)

// ---- an attempt
constexpr size_t kMaxHostsTried = 8;     // connections tried (RFC 5321 section 5.1 asks for 2 at least)
constexpr size_t kMaxSessionsTried = 3;  // of them, hosts that answered and put us off
constexpr size_t kMaxRounds = 20;        // transactions for the recipients a host did not take at once (452)
constexpr seconds kConnectTimeout{30};

// ---- destinations
constexpr uint32_t kFirstConnections = 4;  // side by side to a destination we know nothing of
constexpr seconds kCloseFirst{30};         // after all its hosts failed; doubles with each further time
constexpr seconds kCloseMost{600};
constexpr seconds kBadHostLife{600};       // a host that did not answer is tried last for so long
constexpr seconds kBadTlsLife{3600};       // a host whose STARTTLS fails is spoken to in clear for so long
constexpr size_t kMaxRemembered = 10'000;  // hosts and destinations remembered

// ---- outcomes
constexpr int kRetryJitterPercent = 10;
constexpr seconds kRecordRetryFirst{1};  // when the outcome can't be written (disk full)
constexpr seconds kRecordRetryMost{60};
constexpr uint64_t kWholeOriginal = 64 * 1024;  // a bounce holds the whole letter up to this, else its header
constexpr uint64_t kHeaderOriginal = 128 * 1024;  // of the header at most
constexpr size_t kReasonShown = 500;              // octets of a host's words, in what the postmaster reads
constexpr seconds kBouncePatience{2 * 24 *
                                  3600};  // a bounce that can't be taken in goes to the postmaster then

constexpr int kBounceTries = 30;  // the operator's bounce waits for a letter that is being sent
constexpr milliseconds kBouncePause{100};

constexpr milliseconds kPumpPause{2};  // between two looks at the queue while letters are under way
constexpr milliseconds kTick{250};     // how exactly times are kept
constexpr seconds kForgetEvery{10};    // how often destinations that nothing is known of are dropped

}  // namespace posthouse::transport
