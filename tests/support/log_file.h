// What the program logs while this lives, in a file of its own.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/log.h"

namespace posthouse::test {

class LogFile {
 public:
  LogFile() {
    char name[] = "/tmp/posthouse-log-XXXXXX";
    folder_ = mkdtemp(name);
    log::configure(log::Level::info, folder_ + "/log", "text");
  }
  ~LogFile() {
    log::configure(log::Level::error, "", "text");
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // How many lines have `text` in them.
  size_t count(const std::string& text) const {
    log::flush();
    std::ifstream in(folder_ + "/log");
    size_t found = 0;
    for (std::string line; std::getline(in, line);) found += line.find(text) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  std::string folder_;
};

}  // namespace posthouse::test
