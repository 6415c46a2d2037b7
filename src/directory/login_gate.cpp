#include "directory/login_gate.h"

#include "directory/limits.h"

namespace posthouse::directory {

struct LoginGate::Entry {
  LoginGate& gate;
  const std::string& network;
  bool admitted = true;

  bool await_ready() const noexcept { return false; }
  // False: goes on at once, admitted or not.
  bool await_suspend(std::coroutine_handle<> caller) {
    std::lock_guard lock(gate.mutex_);
    Line& line = gate.lines_[network];
    if (line.inside < kLoginsOfANetwork) {
      ++line.inside;
      return false;
    }
    admitted = line.waiting.size() < kMaxWaitingOfANetwork;
    if (admitted) line.waiting.push_back({caller, Executor::current()});
    return admitted;
  }
  bool await_resume() const noexcept { return admitted; }
};

Task<std::optional<LoginGate::Place>> LoginGate::enter(std::string network) {
  Entry entry{*this, network};
  const bool admitted = co_await entry;
  std::optional<Place> place;
  if (admitted) place.emplace(*this, std::move(network));
  co_return place;
}

void LoginGate::leave(const std::string& network) {
  std::lock_guard lock(mutex_);
  auto found = lines_.find(network);
  Line& line = found->second;
  if (line.waiting.empty()) {
    if (--line.inside == 0) lines_.erase(found);
    return;
  }
  Waiter next = line.waiting.front();
  line.waiting.pop_front();
  next.home->post(next.caller);  // who takes over the place
}

}  // namespace posthouse::directory
