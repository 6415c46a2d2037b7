#include "engine/watches.h"

namespace posthouse::engine {

class Watches::Entry final : public Watch {
 public:
  Entry(std::shared_ptr<Watches> owner, Partition partition, std::function<void()> changed)
      : owner_(std::move(owner)), changed_(std::move(changed)) {
    const std::lock_guard lock(owner_->mutex_);
    place_ = owner_->entries_.emplace(partition, this);
  }
  ~Entry() override {
    const std::lock_guard lock(owner_->mutex_);
    owner_->entries_.erase(place_);
  }
  void call() const { changed_(); }

 private:
  std::shared_ptr<Watches> owner_;
  std::function<void()> changed_;
  std::multimap<Partition, Entry*>::iterator place_;
};

std::unique_ptr<Watch> Watches::add(Partition partition, std::function<void()> changed) {
  return std::make_unique<Entry>(shared_from_this(), partition, std::move(changed));
}

void Watches::tell(const std::vector<Partition>& partitions) {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return;
  for (const Partition& partition : partitions) {
    const auto [begin, end] = entries_.equal_range(partition);
    for (auto it = begin; it != end; ++it) it->second->call();
  }
}

}  // namespace posthouse::engine
