// SASLprep (RFC 4013): the form in which a password is used for SCRAM.
#pragma once

#include <string_view>

#include "base/secret.h"

namespace posthouse::wire::sasl {

// What SASLprep does not allow (control characters, what is not UTF-8) comes back as it is: passwords were
// set before anybody thought of SCRAM, and PLAIN goes on taking them.
Secret prepared_password(const Secret& password);

}  // namespace posthouse::wire::sasl
