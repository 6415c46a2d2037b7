// The named limits of the SMTP grammars (RFC 5321 section 4.5.3.1). Octets unless said otherwise.
#pragma once

#include <cstddef>

namespace posthouse::wire::smtp {

// A command line with its CRLF. Section 4.5.3.1.4 asks for 512; extensions to MAIL and RCPT add to it (SIZE
// 26, BODY 16, SMTPUTF8 10, AUTH 500), and quoted local parts and source routes may be long.
inline constexpr size_t kMaxCommandLine = 2048;

// An AUTH command with its initial response, and each line of its exchange (RFC 4954 section 4).
inline constexpr size_t kMaxAuthLine = 12288;

// A reverse-path or forward-path with its brackets is 256 (section 4.5.3.1.3); source routes, which are
// accepted and dropped, may add to it.
inline constexpr size_t kMaxPath = 1024;

// The domain of HELO (section 4.5.3.1.2).
inline constexpr size_t kMaxDomain = 255;

// Parameters of one MAIL or RCPT command, a count.
inline constexpr size_t kMaxParameters = 16;

// A line of message text. Section 4.5.3.1.6 asks for 1,000; longer ones are common in generated mail, and
// taken up to here.
inline constexpr size_t kMaxTextLine = 1024 * 1024;

// Replies as a client takes them: section 4.5.3.1.5 asks for 512 a line.
inline constexpr size_t kMaxReplyLine = 4096;
inline constexpr size_t kMaxReplyLines = 128;
inline constexpr size_t kMaxReplyText = 32 * 1024;

// Replies as we send them (section 4.5.3.1.5).
inline constexpr size_t kReplyLine = 512;

}  // namespace posthouse::wire::smtp
