// Whether what the configuration names is there on this machine, and of use to who will serve. Looks only:
// nothing on disk is changed.
#pragma once

#include "app/config/load.h"

namespace posthouse::app {

// The user, the folders and the files, as root with the eyes of server.user; adds a problem for each that
// would keep a server from its work, and a warning for what others should not see. Before there are threads.
enum class Serving : uint8_t { server, demo };  // a demo stays whoever started it, also root
void check_surroundings(Loaded& loaded, Serving serving = Serving::server);

// Adds a warning when there is no store: it may be on a disk that is not mounted, or yet to be made.
void check_store(Loaded& loaded);

// The same for those options alone that `now` has other values of, by whoever serves already: what the next
// start, perhaps by root, may do or not is not judged by what this process may.
void check_changes(Loaded& fresh, const Config& now);

// A user that is named must exist, also when nobody is to become him.
void check_user(Loaded& loaded);

// The addresses to listen on must be this machine's, and allowed. That another listens there is no problem:
// it may be the running server.
void check_addresses(Loaded& loaded);

}  // namespace posthouse::app
