// Telling the service manager how things stand (sd_notify(3)'s protocol: a datagram to $NOTIFY_SOCKET).
#pragma once

#include <string>

namespace posthouse::app {

// "READY=1", "STOPPING=1", "STATUS=..."; does nothing without a service manager.
void notify_service_manager(const std::string& state);

}  // namespace posthouse::app
