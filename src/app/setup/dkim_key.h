// Keys for DKIM (RFC 6376, RFC 8463).
#pragma once

#include <string>

#include "base/result.h"

namespace posthouse::app {

struct DkimKey {
  std::string private_pem;
  std::string record;  // the TXT record to publish: "v=DKIM1; k=rsa; p=..."
};

Result<DkimKey> make_rsa_key();      // 2048 bits (RFC 8301 section 3.2)
Result<DkimKey> make_ed25519_key();  // RFC 8463

}  // namespace posthouse::app
