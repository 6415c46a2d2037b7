// Fields of records that are more than a number.
#pragma once

#include "engine/record.h"
#include "store/types.h"

namespace posthouse::store {

// Milliseconds since 1970; small numbers of either sign become small.
uint64_t pack_time(SystemTime time);
SystemTime unpack_time(uint64_t packed);

// As runs without a gap.
void write_uids(engine::RecordWriter& writer, const UidList& uids);
// `out` is empty before. False: what is there are no rising UIDs.
bool read_uids(engine::RecordReader& reader, UidList& out);

}  // namespace posthouse::store
