// Doing one thing as somebody else.
#pragma once

#include <functional>

#include "app/privileges/user.h"

namespace posthouse::app {

// Runs `work` in a process of its own that has become `user`, and waits for it; nothing but its fault comes
// back. For root, who wants to stay root afterwards, and before there are threads.
Result<void> as_user(const User& user, const std::function<Result<void>()>& work);

}  // namespace posthouse::app
