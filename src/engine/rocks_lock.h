// Who holds the store when it cannot be opened.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::engine {

// A line for the operator. `status`: what RocksDB said.
std::string describe_lock(const std::string& directory, std::string_view status);

}  // namespace posthouse::engine
