// A bar on standard error, when that is a terminal.
#pragma once

#include "app/admin/service.h"

namespace posthouse::app::actions {

class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();  // clears the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // For bytes, with sizes, rate and the time left.
  Progress bytes();
  // For letters.
  Progress letters();

 private:
  bool shown_;
};

}  // namespace posthouse::app::actions
