// What operators can ask for: accounts, domains, aliases, queue, store. One object executes the verbs, for
// the control socket of a running server and for the command line alone.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/core/core.h"
#include "base/result.h"
#include "base/task.h"

namespace posthouse::app {

// Called with (done, total), perhaps from another thread.
using Progress = std::function<void(uint64_t, uint64_t)>;

// Lives on one loop; several verbs may run at once.
class AdminService {
 public:
  explicit AdminService(Core& core) : core_(core) {}

  // The transport that bounces and is woken; without one `queue.bounce` fails.
  void set_transport(transport::Transport* transport) { transport_ = transport; }

  // Called with the id of an account that was disabled or removed, or has a new password: whoever is logged
  // in to it has to go. With an app password that was taken back: whoever came by that.
  using LockedOut = std::function<void(uint64_t account, std::optional<uint32_t> app_password)>;
  void on_locked_out(LockedOut call) { locked_out_ = std::move(call); }

  // Executes "account.add", "queue.list", ... The verbs and their arguments stand in service.cpp. Fails with
  // `syntax` for an unknown verb or a missing argument; other faults are those of the parts.
  Task<Result<boost::json::value>> execute(std::string verb, boost::json::object arguments,
                                           Progress progress);

  // All verbs, for tests.
  static std::vector<std::string_view> verbs();

  Core& core() { return core_; }
  transport::Transport* transport() { return transport_; }

 private:
  Core& core_;
  transport::Transport* transport_ = nullptr;
  LockedOut locked_out_ = [](uint64_t, std::optional<uint32_t>) {};
};

}  // namespace posthouse::app
