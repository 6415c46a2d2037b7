// Who wants to hear of changes in which partition: shared by the engines.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"

namespace posthouse::engine {

// Thread-safe. Outlives its watches: they hold it.
class Watches : public std::enable_shared_from_this<Watches> {
 public:
  std::unique_ptr<Watch> add(Partition partition, std::function<void()> changed);

  // Calls the watches of each partition once. The calls are made under the lock, so that a watch that is gone
  // is never called: they must be quick and must not add or end watches.
  void tell(const std::vector<Partition>& partitions);

 private:
  class Entry;
  std::mutex mutex_;
  std::multimap<Partition, Entry*> entries_;
};

}  // namespace posthouse::engine
