// How much of what a client may do before the session ends.
#pragma once

#include <cstdint>

#include "smtp/limits.h"
#include "smtp/server.h"

namespace posthouse::smtp {

// Counts of one session. Commands and refused recipients count since the last letter that was taken; errors
// and failed logins count to the end.
class ServerBudget {
 public:
  explicit ServerBudget(const ServerOptions& options) : options_(options) {}

  void count_command() { ++commands_; }
  void count_error() { ++errors_; }
  void count_refused_recipient() { ++refused_recipients_; }
  void count_failed_login() { ++failed_logins_; }
  void letter_taken() { commands_ = refused_recipients_ = 0; }

  // Why the session must end now, or nullptr.
  const char* spent() const {
    if (failed_logins_ >= kMaxFailedLogins) return "Error: too many failed logins";
    if (errors_ >= options_.max_errors) return "Error: too many errors";
    if (commands_ >= options_.max_commands) return "Error: too many commands without a letter";
    if (refused_recipients_ >= kMaxRefusedRecipients) return "Error: too many unknown recipients";
    return nullptr;
  }

 private:
  const ServerOptions& options_;
  uint32_t commands_ = 0;
  uint32_t errors_ = 0;
  uint32_t refused_recipients_ = 0;
  uint32_t failed_logins_ = 0;
};

}  // namespace posthouse::smtp
