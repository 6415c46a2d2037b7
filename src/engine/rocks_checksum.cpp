#include "engine/rocks_checksum.h"

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

#include "engine/crc32c.h"

#ifdef __x86_64__

namespace rocksdb::crc32c {

// As RocksDB declares it in util/crc32c.h, which is not installed.
[[gnu::visibility("default")]] uint32_t Extend(uint32_t init_crc, const char* data, size_t n);

uint32_t Extend(uint32_t init_crc, const char* data, size_t n) {
  return posthouse::engine::crc32c(init_crc, {data, n});
}

}  // namespace rocksdb::crc32c

namespace posthouse::engine {

// What RocksDB's own calls find.
bool rocks_uses_our_crc32c() {
  return dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm") ==
         reinterpret_cast<void*>(&rocksdb::crc32c::Extend);
}

}  // namespace posthouse::engine

#else

namespace posthouse::engine {

bool rocks_uses_our_crc32c() {
  return false;
}

}  // namespace posthouse::engine

#endif
