// Whether a login may still send. Asked again at each step: an account that was disabled or removed must not
// go on in the sessions it has open.
#pragma once

#include <optional>

#include "directory/directory.h"
#include "smtp/server.h"

namespace posthouse::submission {

// The refusal, or nothing if it may. `directory` outlives the task.
Task<std::optional<smtp::Reply>> no_longer_welcome(directory::Directory& directory,
                                                   directory::AccountId account);

}  // namespace posthouse::submission
