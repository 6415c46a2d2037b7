// An engine in memory, without durability: the reference model that RocksDB is tested against, and quick
// tests.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace posthouse::engine {

std::unique_ptr<Engine> make_memory_engine();

}  // namespace posthouse::engine
