#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <thread>

#include "app/control/admin.h"
#include "app/limits.h"
#include "base/clock.h"

namespace posthouse::app::control {
namespace {

namespace json = boost::json;

Result<std::unique_ptr<Admin>> connect_once(const Config& config) {
  auto remote = connect_remote(config);
  if (remote) return remote;
  auto local = open_local(config);
  if (!local && local.error().kind == FaultKind::temporary) {
    return fail(FaultKind::temporary, fmt::format("{}; its control socket does not answer ({})",
                                                  local.error().what, remote.error().what));
  }
  return local;
}

Result<std::unique_ptr<Admin>> connect_patiently(const Config& config) {
  const SteadyTime end = system_clock().steady() + kControlPatience;
  while (true) {
    auto admin = connect_once(config);
    if (admin || admin.error().kind != FaultKind::temporary || system_clock().steady() >= end) return admin;
    std::this_thread::sleep_for(kControlRetry);
  }
}

bool only_reads(std::string_view verb) {
  return verb == "status" || verb.starts_with("export.") || verb == "import.present" ||
         verb.ends_with(".list") || verb.ends_with(".show") || verb == "mailbox.expunged";
}

// Goes to whoever has the store when the one that was asked is gone.
class FaithfulAdmin : public Admin {
 public:
  FaithfulAdmin(const Config& config, std::unique_ptr<Admin> now) : config_(config), now_(std::move(now)) {}

  Result<json::value> call(std::string verb, json::object arguments, Progress progress) override {
    for (int tries = 1;; ++tries) {
      auto answer = now_->call(verb, arguments, progress);
      bool gone = !answer && answer.error().kind == FaultKind::closed;
      if (!gone || !only_reads(verb) || tries == kControlTries) return answer;
      now_.reset();
      auto next = connect_patiently(config_);
      if (!next) return std::unexpected(next.error());
      now_ = std::move(*next);
      if (auto held = hold_again(); !held) return std::unexpected(held.error());
    }
  }

  // Taken anew from whoever has the store next.
  Result<Hold> hold(std::string address) override {
    auto taken = now_->hold(address);
    if (!taken) return taken;
    auto held = std::make_shared<Held>(Held{std::move(address), std::move(*taken)});
    held_ = held;
    return Hold(held);
  }

  // Not repeated when the server goes away: the letter may be in.
  Result<json::value> send(std::string verb, json::object arguments, LetterPieces pieces) override {
    return now_->send(std::move(verb), std::move(arguments), std::move(pieces));
  }

  Result<std::string> deliver(LocalEnvelope envelope, LetterPieces pieces) override {
    return now_->deliver(std::move(envelope), std::move(pieces));
  }

 private:
  struct Held {
    std::string address;
    Hold taken;
  };

  Result<void> hold_again() {
    const std::shared_ptr<Held> held = held_.lock();
    if (held == nullptr) return {};
    held->taken.reset();
    auto taken = now_->hold(held->address);
    if (!taken) return std::unexpected(taken.error());
    held->taken = std::move(*taken);
    return {};
  }

  Config config_;
  std::unique_ptr<Admin> now_;
  std::weak_ptr<Held> held_;
};

}  // namespace

Result<std::unique_ptr<Admin>> connect_admin(const Config& config) {
  auto admin = connect_patiently(config);
  if (!admin) return admin;
  return std::make_unique<FaithfulAdmin>(config, std::move(*admin));
}

}  // namespace posthouse::app::control
