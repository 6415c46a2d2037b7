// The rows of an account's outbox, each with what is needed to carry it out. Not for other rooms.
#pragma once

#include "mirror/impl.h"

namespace posthouse::mirror {

// Its effect can't be told once others followed: a mailbox may have the old name again.
bool stands_alone(store::EffectRow::Kind kind);

// Whether the outbox may hold more than these.
bool is_part(const std::vector<Effect>& effects);

// Rows from `from` on, as many as are carried out together. `cut`: they end before, or with, one that stands
// alone. Those that are kept back are passed over, and noted in `kept_back`. Faults are those of `reader`.
Result<std::vector<Effect>> read_effects(const engine::Reader& reader, AccountId account, uint64_t from,
                                         KeptBack& kept_back, bool& cut);

}  // namespace posthouse::mirror
