// Mending damaged files of a store before it is opened for writing.
//
// Whoever meets damage notes a suspect (engine/damage_notes.h) and the store is opened again: only suspects
// are read through, not the whole store. What can't be read is kept aside and taken out of the way, so that
// RocksDB's compaction does not stumble over it: it would refuse all writes from then on.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/damage_notes.h"
#include "engine/rocks_engine.h"

namespace posthouse::engine {

enum class Mending {
  nothing_to_do,  // there are no suspects
  mended,         // something was damaged, or has been got out of the way
  in_vain,        // the suspects are sound
};

Result<Mending> mend_suspects(const RocksOptions& options, const DamageNotes& notes);

}  // namespace posthouse::engine
