// Maildir++ as a driver. A location is "new/FILE" or "cur/FILE".
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "mirror/driver.h"

namespace posthouse::mirror {

std::unique_ptr<Driver> make_maildir_driver(const std::string& root, const Clock& clock, Random& random);

}  // namespace posthouse::mirror
