// Stored queue rows from hostile or damaged bytes: never a crash, and what decodes survives a round trip.
#include <cstdlib>

#include "engine/record.h"
#include "queue/letter_record.h"
#include "queue/rows.h"

namespace {

using namespace posthouse;

// The same fields under a right checksum, so that the decoder is reached behind it.
std::string with_checksum(std::string_view fields) {
  engine::RecordWriter out(1);
  for (const char c : fields) out.u8(static_cast<uint8_t>(c));
  return out.finish();
}

void check(queue::LetterId id, std::string_view record) {
  const auto letter = queue::decode_letter(id, record);
  if (!letter) return;
  const std::string again = queue::encode_letter(*letter);
  const auto second = queue::decode_letter(id, again);
  if (!second || queue::encode_letter(*second) != again) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(1, bytes);
  check(1, with_checksum(bytes));
  (void)queue::decode_set_aside("xl", bytes);
  (void)queue::decode_set_aside("xl", with_checksum(bytes));
  if (const auto place = queue::read_schedule_key(bytes); place && queue::schedule_key(*place) != bytes)
    std::abort();
  if (const auto id = queue::read_letter_key(bytes); id && queue::letter_key(*id) != bytes) std::abort();
  return 0;
}
