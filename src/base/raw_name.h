// Names to show for what other programs named in their own ways: bytes that are no valid modified UTF-7, no
// UTF-8, or that hold control characters.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace posthouse {

struct RawName {
  std::string text;    // UTF-8 without control characters
  bool plain = false;  // the bytes themselves; else some of them stand there as %XX, and "%" as %25
};
RawName raw_name(std::string_view bytes);
std::string escaped_name(std::string_view bytes);  // in any case

// That text, if it is plain and nobody has it; else with a mark behind it: "caf%E9 [raw]". The same bytes
// always get the same name, unless another folder has it (`taken`): then a number made of them is in the
// mark.
std::string shown_name(const RawName& name, std::string_view bytes,
                       const std::function<bool(const std::string&)>& taken);
// Whether shown_name() may have made it.
bool may_be_raw(std::string_view name);

}  // namespace posthouse
