// For visitors of rows, which can't give a fault back.
#pragma once

#include <optional>

#include "base/result.h"

namespace posthouse::catalog {

struct Trouble {
  std::optional<Fault> fault;

  // Whether it is; if not, its fault is remembered, and the visitor ends the scan.
  template <class T>
  bool good(const Result<T>& result) {
    if (!result) fault = result.error();
    return result.has_value();
  }
  // What became of the scan.
  Result<void> after(Result<void> scanned) const {
    if (!scanned || !fault) return scanned;
    return std::unexpected(*fault);
  }
};

}  // namespace posthouse::catalog
