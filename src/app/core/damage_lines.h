// Lines that tell of damage, such as those of a check: with accounts by their addresses, and not more of them
// than somebody reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace posthouse::app {

// The line with addresses in place of the numbers of accounts, also those in references to bodies; a number
// that is not known stays.
std::string with_addresses(const std::string& line, const std::map<uint64_t, std::string>& addresses);

// The first `most` lines of each kind by account, in their order, and behind the last of a kind that there
// are more.
std::vector<std::string> shortened(const std::vector<std::string>& lines, size_t most);

// A line for each account that has some, with their number; "" as account: of no account.
std::vector<std::string> counted_by_account(const std::vector<std::string>& lines);

}  // namespace posthouse::app
