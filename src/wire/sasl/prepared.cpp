#include "wire/sasl/prepared.h"

#include <gsasl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

namespace posthouse::wire::sasl {

Secret prepared_password(const Secret& password) {
  struct Free {
    void operator()(char* text) const {
      explicit_bzero(text, std::strlen(text));
      gsasl_free(text);
    }
  };
  const std::string_view typed = password.reveal();
  const bool plain = std::ranges::all_of(typed, [](char c) { return c >= ' ' && c <= '~'; });
  if (plain || typed.find('\0') != std::string_view::npos) return password;
  char* out = nullptr;
  const int rc =
      gsasl_saslprep(std::string(typed).c_str(), static_cast<Gsasl_saslprep_flags>(0), &out, nullptr);
  const std::unique_ptr<char, Free> owned(out);
  if (rc != GSASL_OK || out == nullptr || *out == '\0') return password;
  return Secret(std::string(out));
}

}  // namespace posthouse::wire::sasl
