// Takes back what a setup has made, should it fail half-way.
#pragma once

#include <string>
#include <vector>

namespace posthouse::app {

// Told of every path before it is made; what was not there then is removed at the end, unless keep() was
// called.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo();

  void will_make(const std::string& path);
  void keep() { made_.clear(); }

 private:
  std::vector<std::string> made_;  // outermost folder first
};

}  // namespace posthouse::app
