#include "base/pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_name.h"

namespace posthouse {

struct Pool::Impl {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> jobs;
  bool stopping = false;
  std::vector<std::thread> threads;

  void work() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return stopping || !jobs.empty(); });
        if (jobs.empty()) return;  // stopping, and all is done
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      job();
    }
  }
};

Pool::Pool(size_t threads, const char* name) : impl_(std::make_unique<Impl>()) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    impl_->threads.emplace_back([impl = impl_.get(), own = std::string(name)] {
      name_this_thread(own.c_str());
      impl->work();
    });
  }
}

Pool::~Pool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void Pool::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->jobs.push_back(std::move(job));
  }
  impl_->wake.notify_one();
}

size_t Pool::backlog() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->jobs.size();
}

}  // namespace posthouse
