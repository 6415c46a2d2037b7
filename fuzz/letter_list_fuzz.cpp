// Lists of letters in a backup, with packs and without: what was read can be written, and says the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "app/backup/letter_list.h"

namespace {

using namespace posthouse::app::backup;

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto letters = decode_letters(text, "list");
  if (!letters) return 0;
  const auto again = decode_letters(encode_letters(*letters), "list");
  check(again && again->size() == letters->size());
  for (size_t i = 0; i < letters->size(); ++i) {
    const ListedLetter& one = letters->at(i);
    const ListedLetter& other = again->at(i);
    check(one.uid == other.uid && one.size == other.size && one.stamp == other.stamp);
    check(one.pool_name() == other.pool_name() && one.offset == other.offset);
    check(!one.pack || (one.size <= one.pack->size && one.offset <= one.pack->size - one.size));
  }
  return 0;
}
