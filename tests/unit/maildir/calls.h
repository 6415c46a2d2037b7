// The calls with which this program changes files: they can be recorded, made to fail at the n-th, or end the
// process there as SIGKILL does. Defined in this program, they come before the C library's.
#pragma once

#include <string>
#include <vector>

namespace posthouse::maildir::test {

// From here to the end of the object's life. One at a time; calls of other threads count too.
class Calls {
 public:
  enum class Then { record, fail, kill };
  explicit Calls(Then then, int n = 0, int error = 0);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  bool struck() const;                     // the n-th call has come
  std::vector<std::string> names() const;  // "write", "fsync", "renameat2", ...
};

}  // namespace posthouse::maildir::test
