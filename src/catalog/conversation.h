// Which letters belong to one conversation (RFC 8621 section 3).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace posthouse::catalog {

// What leads from a letter to its conversation: of each message id that it has or refers to, together with
// the subject without what answers and forwards put before it. The nearest first: its parent, those before
// it, itself. Letters that share one belong together. `summary`: the letter's record (message/summary.h);
// none if it can't be read.
std::vector<uint64_t> conversation_keys(std::string_view summary);

}  // namespace posthouse::catalog
