#include "wire/sasl/login_name.h"

#include "wire/sasl/limits.h"

namespace posthouse::wire::sasl {

bool is_login_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  for (char c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 32 || u == 127) return false;
  }
  return true;
}

}  // namespace posthouse::wire::sasl
