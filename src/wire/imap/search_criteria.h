// search-criteria by themselves, as a filter has them (RFC 5466 section 4).
#pragma once

#include <string_view>

#include "wire/imap/command.h"

namespace posthouse::wire::imap {

// search-key *(SP search-key) and nothing else, as an and_. Literals are not taken: a value has none.
bool parse_search_criteria(std::string_view text, SearchKey& out);

// How many keys there are in it, itself counted.
size_t count_keys(const SearchKey& key);

}  // namespace posthouse::wire::imap
