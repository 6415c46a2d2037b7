// Names of octets that can be had as they are (RFC 8620 section 6): letters, what is attached to them, and
// what clients have uploaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::access::jmap {

struct BlobId {
  enum class Kind { letter, upload };
  Kind kind = Kind::letter;
  uint64_t id = 0;      // of the letter (its EMAILID), or of the upload
  std::string section;  // of a part of it: its number as IMAP has it, "1.2"; "": all
  bool operator==(const BlobId&) const = default;
};

// "B" and the letter's id, or "U" and the upload's; of a part "-" and the section, its dots written "_".
std::string format_blob_id(const BlobId& blob);
std::optional<BlobId> parse_blob_id(std::string_view text);

}  // namespace posthouse::access::jmap
