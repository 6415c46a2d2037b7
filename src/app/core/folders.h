// The folders that the program works in.
#pragma once

#include "app/config/config.h"
#include "app/privileges/user.h"
#include "base/result.h"

namespace posthouse::app {

// Makes the data directory and what belongs in it, where it is not there yet; for `owner` (null: ourselves),
// and nobody else may look inside.
Result<void> make_data_folders(const Config& config, const User* owner);

// `not_found` when there is no store: the disk may not be mounted, and nothing may be made in its place. One
// that can't be looked at is not judged here.
Result<void> find_store(const Config& config);

// The user and group that the configuration names, who is to be another than root; faults name the option.
Result<User> configured_user(const Config& config);

// As root: who to become. Not as root: nothing. A fault as root when the configuration names nobody.
Result<std::optional<User>> user_to_become(const Config& config);

// As root: whom the data belongs to, by the configuration, or where it names nobody by what is there. Nothing
// otherwise: us.
Result<std::optional<User>> owner_of_data(const Config& config);

// The fault of who could not open the store, with what to do when files there belong to somebody else.
Fault advise_on_owner(const Config& config, Fault fault);

}  // namespace posthouse::app
