// How connections to other hosts are made: TCP, or what a test puts in its place.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/task.h"
#include "net/stream.h"

namespace posthouse::transport {

class Connector {
 public:
  virtual ~Connector() = default;
  // On the calling loop. Fails with timeout, or temporary with the reason.
  virtual Task<Result<std::unique_ptr<net::Stream>>> connect(Endpoint to, SteadyTime deadline) = 0;
};

std::shared_ptr<Connector> tcp_connector();

}  // namespace posthouse::transport
