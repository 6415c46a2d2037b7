#include "app/demo/start_signals.h"

#include <csignal>
#include <utility>

namespace posthouse::app {
namespace {

sigset_t ends() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void HeldSignals::hold() {
  held_ = true;
  sigset_t set = ends();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void HeldSignals::release() {
  if (!std::exchange(held_, false)) return;
  sigset_t set = ends();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool HeldSignals::end_is_waiting() {
  sigset_t waiting;
  sigpending(&waiting);
  return sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1;
}

}  // namespace posthouse::app
