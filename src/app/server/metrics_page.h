// GET /metrics for Prometheus: as much HTTP/1.1 as that takes (RFC 9112), one request a connection.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/task.h"
#include "net/stream.h"

namespace posthouse::app {

// Serves one connection. Anything but GET (or HEAD) /metrics gets 404, 405 or 400; lines and headers are
// limited.
Task<void> serve_metrics(std::unique_ptr<net::Stream> stream, const Clock& clock);

}  // namespace posthouse::app
