// Logs of the store that are damaged, or gone, before the store is opened for writing.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/rocks_engine.h"

namespace posthouse::engine {

// Reads all logs through. A record that can't be read with others behind it is damage, not the end that a
// crash leaves: the logs are kept aside and written anew without it, what is behind it counts, and everything
// is noted as perhaps lost (DamageNotes::lost), since nobody knows which rows were in it. The same for a log
// that should be there and is not. Does nothing while another process has the store.
Result<void> mend_logs(const RocksOptions& options);

}  // namespace posthouse::engine
