// user+tag (RFC 5233) of the directory's addresses.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::directory {

// user+tag -> user and tag. Nothing for quoted local parts and for "+tag".
bool split_subaddress(std::string_view address, std::string& base, std::string& detail);

}  // namespace posthouse::directory
