#include "base/thread_name.h"

#include <pthread.h>

#include <string>

namespace posthouse {

namespace {
constexpr size_t kKernelKeeps = 15;
}

void name_this_thread(const char* name) {
  pthread_setname_np(pthread_self(), std::string(name).substr(0, kKernelKeeps).c_str());
}

}  // namespace posthouse
