// Where a suspended coroutine goes on. Every event loop is an Executor; so is a test's run queue.
#pragma once

#include <coroutine>

namespace posthouse {

class Executor {
 public:
  virtual ~Executor() = default;

  // Resumes `handle` on this executor, later, never inside this call. Any thread may call.
  virtual void post(std::coroutine_handle<> handle) = 0;

  // The executor whose thread is running now, or nullptr on a thread that has none.
  static Executor* current();

 protected:
  // An executor names itself while its thread runs its loop.
  static void set_current(Executor* executor);
};

}  // namespace posthouse
