// mbox files as a driver: INBOX in one place, the other mailboxes in a folder. A location names a message by
// its UID and the digest of its text, and tells its flags: places in the file change with every rewrite.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "mbox/waiters.h"
#include "mirror/driver.h"
#include "store/files.h"

namespace posthouse::mirror {

std::unique_ptr<Driver> make_mbox_driver(const store::FilePlace& place, const Clock& clock,
                                         mbox::Waiters* waiters = nullptr);

}  // namespace posthouse::mirror
