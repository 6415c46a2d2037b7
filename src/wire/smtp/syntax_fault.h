// A command that could not be understood, with the reply that says so.
#pragma once

#include <string_view>

namespace posthouse::wire::smtp {

// All texts are constants of the program. `hang_up`: nothing of a mail client, end the connection after the
// reply.
struct SyntaxFault {
  int code = 500;
  std::string_view status = "5.5.2";  // RFC 3463 section 3.6
  std::string_view text = "Error: bad syntax";
  bool hang_up = false;
};

}  // namespace posthouse::wire::smtp
