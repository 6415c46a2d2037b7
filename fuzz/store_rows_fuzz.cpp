// Stored rows of accounts and blobs: whatever the bytes, a decoder gives a value or a fault. The first byte
// chooses the row; the checksum is put on, so that the fields themselves are reached.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/blob_format.h"
#include "engine/record.h"
#include "sealed.h"
#include "store/annotations.h"
#include "store/change_rows.h"
#include "store/expunged_row.h"
#include "store/listing.h"
#include "store/names.h"
#include "store/pending_flags.h"
#include "store/removal_row.h"
#include "store/rights.h"
#include "store/rows.h"

namespace {

using namespace posthouse;

// What was read can be written, and is the same again; and all of it can be taken out.
void change(std::string_view record) {
  const store::Uid uid = record.size() > 3 ? static_cast<unsigned char>(record[3]) : 0;
  Result<store::ChangeRow> row = store::decode_change(uid, record);
  if (!row) return;
  const Result<store::ChangeRow> again = store::decode_change(uid, store::encode(*row));
  if (!again || again->size() != row->size() || again->last() != row->last()) std::abort();
  std::vector<store::Uid> uids;
  row->for_each([&uids](store::Uid one, store::ModSeq) {
    uids.push_back(one);
    return true;
  });
  if (row->remove(uids) != uids.size() || !row->runs.empty()) std::abort();
}

// The same of expunged messages.
void expunged(std::string_view record) {
  Result<store::ExpungedRow> row = store::decode_expunged(record);
  if (!row) return;
  const Result<store::ExpungedRow> again = store::decode_expunged(store::encode(*row));
  if (!again || again->parts.size() != row->parts.size() || again->runs() != row->runs()) std::abort();
  std::vector<store::Uid> firsts;
  for (const store::ExpungedRow::Part& part : row->parts) {
    if (part.uids.empty()) std::abort();
    firsts.push_back(part.uids.at(1));
    if (!row->contains(firsts.back())) std::abort();
  }
  std::ranges::sort(firsts);
  row->remove(firsts);
  if (std::ranges::any_of(firsts, [&](store::Uid uid) { return row->contains(uid); })) std::abort();
}

// The same of flags that are not in their rows yet; a row has them once, and then no more.
void pending(std::string_view record) {
  Result<store::PendingFlags> row = store::decode_pending(record);
  if (!row) return;
  if (store::encode(*store::decode_pending(store::encode(*row))) != store::encode(*row)) std::abort();
  std::vector<store::Uid> firsts;
  for (const store::PendingFlags::Part& part : row->parts) firsts.push_back(part.uids.at(1));
  std::ranges::sort(firsts);
  for (const store::Uid uid : firsts) {
    store::FlagRow once;
    row->apply(uid, once);
    store::FlagRow twice = once;
    row->apply(uid, twice);
    if (twice.system != once.system || twice.keywords != once.keywords) std::abort();
  }
  row->remove(firsts);
}

void decode(unsigned char which, std::string_view record) {
  switch (which % 19) {
    case 0:
      (void)store::decode_head(record);
      return;
    case 1:
      (void)store::decode_mailbox(1, record);
      return;
    case 2:
      (void)store::decode_flags(record);
      return;
    case 3:
      (void)store::decode_message(record);
      return;
    case 4:
      change(record);
      return;
    case 5:
      (void)store::decode_keywords(record);
      return;
    case 6:
      (void)engine::decode_head(1, record);
      return;
    case 7:
      (void)engine::decode_chunk(1, record);
      return;
    case 8:
      (void)store::decode_kept(record);
      return;
    case 9:
      (void)store::decode_dying(record);
      return;
    case 10:
      (void)store::decode_group(record);
      return;
    case 12:
      (void)store::decode_listing(record);
      return;
    case 13:
      return expunged(record);
    case 14:
      (void)store::decode_removal(record);
      return;
    case 15:
      (void)store::decode_annotations(record);
      return;
    case 16:
      (void)store::decode_annotation(record);
      return;
    case 17:
      (void)store::decode_rights(1, record);
      return;
    case 18:
      return pending(record);
    default:
      (void)store::check_name(record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz::decode_sealed(data, size, decode);
}
