// One more reference to a blob that is known to have others (engine/blob.h).
#pragma once

#include <string>

#include "engine/blob.h"

namespace posthouse::engine {

// As add_reference() does it, and quicker where the blob has the reference `known`: one row that is asked for
// by its name costs less than the first one of a range.
Step add_reference_beside(BlobId id, std::string known, std::string reference);

}  // namespace posthouse::engine
