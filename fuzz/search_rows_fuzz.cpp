// Rows of the search index: whatever the bytes, a decoder gives a value or says that they are damaged. The
// first byte chooses the row; records get their checksum, so that the fields themselves are reached.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/record.h"
#include "sealed.h"
#include "search/postings.h"
#include "search/rows.h"

namespace {

using namespace posthouse;

// What was read can be written, and is the same again.
void state(std::string_view record) {
  const Result<search::MailboxState> row = search::decode_state(record);
  if (!row) return;
  const Result<search::MailboxState> again = search::decode_state(search::encode(*row));
  if (!again || again->segments.size() != row->segments.size() || again->through != row->through)
    std::abort();
}

void letters(std::string_view record) {
  const Result<search::SegmentLetters> row = search::decode_letters(record);
  if (!row) return;
  if (row->uids.size() != row->opaque.size()) std::abort();
  const Result<search::SegmentLetters> again = search::decode_letters(search::encode(*row));
  if (!again || again->uids != row->uids || again->opaque != row->opaque) std::abort();
}

// Both ways of reading find the same letters, and they can be written again.
void postings(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const uint32_t count = 1 + engine::read_key_u32(std::string("\0\0", 2) + std::string(bytes.substr(0, 2)));
  const std::string_view encoded = bytes.substr(2);
  search::LetterSet set(count);
  const bool added = search::add_postings(encoded, set);
  std::vector<uint32_t> rising;
  const bool read = search::read_postings(encoded, count, rising);
  if (added != read) std::abort();
  if (!read) return;
  if (rising.size() != set.count()) std::abort();
  for (const uint32_t letter : rising) {
    if (!set.has(letter)) std::abort();
  }
  search::LetterSet again(count);
  if (!search::add_postings(search::encode_postings(rising, count), again)) std::abort();
  if (again.count() != set.count()) std::abort();
}

void decode(unsigned char which, std::string_view bytes) {
  std::vector<std::string_view> parts;
  switch (which % 5) {
    case 0:
      return state(bytes);
    case 1:
      return letters(bytes);
    case 2:
      (void)search::split_terms(bytes, parts);
      return;
    case 3:
      (void)search::split_postings(bytes, parts);
      return;
    default:
      return postings(bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::decode_sealed(data, size, decode);
}
