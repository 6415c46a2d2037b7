// Flags on the wire (RFC 3501 section 2.3.2): five system flags, \Recent, and keywords.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::wire::imap {

enum SystemFlag : uint8_t {
  kSeen = 1,
  kAnswered = 2,
  kFlagged = 4,
  kDeleted = 8,
  kDraft = 16,
};

struct Flags {
  uint8_t system = 0;
  std::vector<std::string> keywords;  // as written, in the order written, each once without regard to case
  bool operator==(const Flags&) const = default;
};

// One flag into `flags`. False if no client may set it: an unknown \Flag, or \Recent.
bool add_flag(Flags& flags, std::string_view name);

// "(\Seen $Forwarded)"; `recent` adds \Recent, `wildcard` \* (PERMANENTFLAGS).
void append_flags(std::string& out, uint8_t system, const std::vector<std::string>& keywords,
                  bool recent = false, bool wildcard = false);

}  // namespace posthouse::wire::imap
