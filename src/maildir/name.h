// Names of message files: UNIQUE[,S=size][,W=size with CRLF][:2,FLAGS], as Maildir's makers and users write
// them.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse {
class Clock;
class Random;
}  // namespace posthouse

namespace posthouse::maildir {

// What a name says of its message: flags (bits below) and keyword letters (bit 0 is "a").
struct Marks {
  static constexpr uint8_t kDraft = 1, kFlagged = 2, kPassed = 4, kReplied = 8, kSeen = 16, kTrashed = 32;

  uint8_t flags = 0;
  uint32_t letters = 0;

  bool empty() const { return flags == 0 && letters == 0; }
  bool operator==(const Marks&) const = default;
};

// Flags and letters to add and remove; others, which somebody else may change at the same time, stay.
struct MarkChange {
  Marks add;
  Marks remove;
  Marks apply(Marks marks) const;
  bool operator==(const MarkChange&) const = default;
};

// A file's name taken apart. Any text is one.
struct Name {
  std::string base = {};  // identifies the message: all before the first ":"
  std::string stem = {};  // all before ":2,"; the base, but for names with more than one ":"
  std::optional<uint64_t> size = std::nullopt;       // ",S=": bytes of the file, as its maker said
  std::optional<uint64_t> crlf_size = std::nullopt;  // ",W=": the same with CRLF
  Marks marks = {};
  std::string unknown = {};  // capital letters and others that nobody told us of; kept
  std::string rest = {};     // "," and what follows the flags: other programs' own; kept
};
Name parse_name(std::string_view file);
Marks marks_of(std::string_view file);  // the same, and nothing else

// The name with all its marks, in the order of ASCII.
std::string format_name(const Name& name);

// The same message's name after a change; permanent if it would be longer than names may be.
Result<std::string> changed_name(std::string_view file, const MarkChange& change);

// The part of a base that our own names have before the sizes.
std::string_view unique_part(std::string_view base);
std::string base_with_sizes(std::string_view unique, uint64_t size, uint64_t crlf_size);

// Is the message of this base meant by `key`: its base, or the unique part alone?
bool same_message(std::string_view base, std::string_view key);

// May this be the base of a file that we make? Not empty, no dot at its start, no "/", ":", NUL or line end,
// not too long.
bool is_usable_base(std::string_view base);

// Makes unique parts that nobody else makes and nobody guesses. Thread-safe.
class NameMaker {
 public:
  NameMaker(const Clock& clock, Random& random, std::string_view host);
  std::string unique();

 private:
  const Clock& clock_;
  Random& random_;
  std::string host_;
  std::atomic<uint64_t> counter_{0};
};

}  // namespace posthouse::maildir
