// How many steps the code under test has done so far in this process: a measure of work that no other load
// changes.
#pragma once

#include <cstdint>

namespace posthouse::steps {

uint64_t count();

}  // namespace posthouse::steps
