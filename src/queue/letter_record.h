// The letter row: everything of a Letter as bytes, with version and checksum.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "queue/queue.h"

namespace posthouse::queue {

// Fails with `syntax` when a field holds CR, LF or NUL or breaks a limit of queue/limits.h: such a letter
// must never be queued, it could smuggle commands into a session later.
Result<void> check_letter(const Letter& letter);

// Replies come from strangers: control characters become spaces, and the text is cut.
std::string clean_reply(std::string_view reply);

std::string encode_letter(const Letter& letter);
// Fails with `corrupt` when the row is damaged, of an unknown version, or another letter's.
Result<Letter> decode_letter(LetterId id, std::string_view record);

}  // namespace posthouse::queue
