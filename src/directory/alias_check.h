// Whether an alias or a catch-all may be set: what it would lead to, and who would lead to it.
#pragma once

#include <string>

#include "base/result.h"
#include "directory/records.h"
#include "engine/engine.h"

namespace posthouse::directory {

// `policy` if `record` at `address` (normalised) would lead in a circle to nobody, or through too many
// aliases; the catch-all of a domain counts as an alias of each name there that is nobody's. Names that are
// nobody's yet, in a domain without one, count as somebody: they may come later. Gives how many aliases one
// after another it makes, itself included.
Result<size_t> check_downwards(const engine::Transaction& rows, const std::string& address,
                               const NameRecord& record);

// The same for the catch-all of `domain`, which need not be there yet.
Result<size_t> check_catch_all(const engine::Transaction& rows, const Domain& domain);

// How many aliases one after another lead to `address`, up to kMaxAliasDepth of them; to the catch-all of a
// domain for "@domain". Looks through all names: not for a transaction, which others wait for.
Result<size_t> count_upwards(const engine::Reader& reader, const std::string& address);

std::unexpected<Fault> chain_too_long(const std::string& address);

}  // namespace posthouse::directory
