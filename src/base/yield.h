// Long work in pieces: co_await LetOthers() between them lets the loop serve others.
#pragma once

#include <coroutine>

#include "base/executor.h"

namespace posthouse {

struct LetOthers {
  bool await_ready() const noexcept { return Executor::current() == nullptr; }
  void await_suspend(std::coroutine_handle<> caller) const { Executor::current()->post(caller); }
  void await_resume() const noexcept {}
};

}  // namespace posthouse
