// gzip (RFC 1952) in pieces, for replies of HTTP.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace posthouse::net {

class Gzip {
 public:
  Gzip();
  ~Gzip();
  // Compressed octets for `part`, as far as there are any yet; all that is left with the last part.
  std::string add(std::string_view part, bool last);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace posthouse::net
