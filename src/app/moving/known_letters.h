// What was brought from a mailbox of another server, so that a repeat need not fetch it again to see that it
// is there: size and checksum of its letters by UID. Only a shortcut: who loses it fetches again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/moving/source.h"
#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::app::moving {

// A file (docs/formats/moving.md). Not for two at a time.
class KnownLetters {
 public:
  // `validity`: UIDVALIDITY (RFC 3501 section 2.3.1.1); under another one nothing is known.
  static Result<KnownLetters> open(const std::string& folder, const std::string& name, uint32_t validity);

  struct Letter {
    uint32_t uid = 0;
    uint64_t size = 0, checksum = 0;
  };
  std::optional<Letter> find(uint32_t uid) const;
  // For the next time. Makes the file.
  Result<void> note(const std::vector<Settled>& letters);
  // What find() knows is not needed any more.
  void forget() { std::vector<Letter>().swap(letters_); }

 private:
  KnownLetters() = default;
  void read(std::string_view text);
  Result<void> begin();

  std::string folder_, path_;
  uint32_t validity_ = 0;
  bool fresh_ = true;  // there is no file, or one of another UIDVALIDITY
  bool torn_ = false;  // its last line has no end
  maildir::File file_;
  std::vector<Letter> letters_;  // by UID
};

}  // namespace posthouse::app::moving
