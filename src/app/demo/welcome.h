// The first letter of the demo, sent as any other host would send it.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/task.h"

namespace posthouse::app {

struct WelcomeLetter {
  std::string domain;
  std::vector<std::string> recipients;
};

// Through SMTP to `port` of 127.0.0.1. Fails when it is not taken for all recipients.
Task<Result<void>> send_welcome(uint16_t port, WelcomeLetter letter);

}  // namespace posthouse::app
