#include "base/task.h"

#include "base/log.h"
#include "base/metrics.h"

namespace posthouse {

namespace {
// Only an exception's own words tell what went wrong; sessions catch theirs before it comes to this.
void report(std::exception_ptr error) noexcept {
  try {
    static const metrics::Counter escaped("posthouse_base_escaped_exceptions_total",
                                          "Exceptions that left a detached task.");
    escaped.add();
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    log::error("base.escaped_exception", {{"what", e.what()}});
  } catch (...) {
    log::error("base.escaped_exception", {{"what", "unknown"}});
  }
}
}  // namespace

namespace detail {

void Detached::promise_type::unhandled_exception() noexcept {
  report(std::current_exception());
}

Detached run_detached(Task<void> task) {
  co_await task;
}

}  // namespace detail

void spawn(Task<void> task) {
  detail::run_detached(std::move(task));
}

}  // namespace posthouse
