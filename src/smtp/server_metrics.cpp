#include "smtp/server_metrics.h"

namespace posthouse::smtp {

const ServerMetrics& server_metrics() {
  static const ServerMetrics metrics;
  return metrics;
}

}  // namespace posthouse::smtp
