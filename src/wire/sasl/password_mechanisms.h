// PLAIN and LOGIN: the mechanisms that send the password itself.
#pragma once

#include <memory>

#include "wire/sasl/server.h"

namespace posthouse::wire::sasl {

// RFC 4616. An authorization identity other than the login name is refused: nobody acts for others here.
std::unique_ptr<Exchange> make_plain(const Channel& channel, Authenticator& authenticator);

// The never standardised LOGIN (draft-murchison-sasl-login-00). The name may come with the command, as
// Outlook sends it.
std::unique_ptr<Exchange> make_login(const Channel& channel, Authenticator& authenticator);

}  // namespace posthouse::wire::sasl
