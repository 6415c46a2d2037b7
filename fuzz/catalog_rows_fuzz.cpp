// Rows of the catalog: whatever the bytes, a decoder gives a value that can be written and read again, or
// says that they are damaged. The first byte chooses the row; records get their checksum, so that the fields
// themselves are reached.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "catalog/rows.h"
#include "sealed.h"

namespace {

using namespace posthouse;

template <class T>
void decode(Result<T> (*reader)(std::string_view), std::string_view record) {
  const Result<T> row = reader(record);
  if (!row) return;
  std::string written;
  if constexpr (std::is_same_v<T, uint64_t>) {
    written = catalog::encode_number(*row);
  } else {
    written = catalog::encode(*row);
  }
  if (!reader(written)) std::abort();
}

void decode_one(unsigned char which, std::string_view record) {
  switch (which % 6) {
    case 0:
      return decode(catalog::decode_head, record);
    case 1:
      return decode(catalog::decode_email, record);
    case 2:
      return decode(catalog::decode_log, record);
    case 3:
      return decode(catalog::decode_member, record);
    case 4:
      return decode(catalog::decode_mailbox, record);
    default:
      return decode(catalog::decode_number, record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::decode_sealed(data, size, decode_one);
}
