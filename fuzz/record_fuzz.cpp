// A damaged summary record is noticed or read, and always gives well-formed IMAP text.
#include <cstdlib>

#include "../tests/unit/message/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace posthouse::message;
  const std::string_view record(reinterpret_cast<const char*>(data), size);
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  for (bool flag : {false, true}) {
    std::string text;
    append_imap_envelope(text, record, flag);
    require(is_imap_list(text, flag));
    text.clear();
    append_imap_bodystructure(text, record, true, flag);
    require(is_imap_list(text, flag));
  }
  const auto overview = read_overview(record);
  if (const auto summary = decode(record)) {
    require(summary->overview == overview || !summary->overview);
    const std::string again = encode(*summary);
    const auto twice = decode(again);
    require(twice.has_value() && encode(*twice) == again);
    find_part(*summary, {1, 2, 1});
  }
  return 0;
}
