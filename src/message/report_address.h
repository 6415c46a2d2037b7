// Addresses as the fields of reports have them (RFC 3464 section 2.1.2, RFC 8098 section 3.1.2, RFC 6533
// section 3).
#pragma once

#include <string>
#include <string_view>

#include "message/address.h"

namespace posthouse::message {

// utf-8-addr-xtext of RFC 6533 section 3: everything beyond printable ASCII, and \ + =, as \x{HEX}.
std::string to_unitext(std::string_view address);

// "rfc822;bob@example.org", or the forms of RFC 6533.
std::string typed_address(const Address& address, bool utf8);

}  // namespace posthouse::message
