// Import from an account on another server: passwords, certificates and rights come first.
#pragma once

#include <functional>

#include "app/actions/actions.h"
#include "app/control/admin.h"
#include "app/moving/source.h"

namespace posthouse::app::actions {

using Bring = std::function<int(const Invocation&, control::Admin&, moving::Source&)>;
int import_imap(const Invocation& in, const Loaded& loaded, const Bring& bring);

// syntax: one was given that only makes sense there.
Result<void> check_no_imap_options(const Invocation& in);

}  // namespace posthouse::app::actions
