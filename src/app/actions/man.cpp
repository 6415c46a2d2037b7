#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "app/actions/actions.h"

namespace posthouse::app::actions {

int man(const Invocation& in) {
  std::vector<ManualPage> pages = manual_pages();
  if (in.directory.empty()) {
    fmt::print("{}", pages.front().text);
    return EX_OK;
  }
  std::error_code error;
  std::filesystem::create_directories(in.directory, error);
  if (error) {
    fmt::print(stderr, "posthouse: {}: {}\n", in.directory, error.message());
    return EX_CANTCREAT;
  }
  for (const ManualPage& page : pages) {
    std::string path = in.directory + "/" + page.file;
    std::ofstream out(path, std::ios::binary);
    out << page.text;
    out.close();
    if (!out) {
      fmt::print(stderr, "posthouse: {}: {}\n", path, std::strerror(errno));
      return EX_CANTCREAT;
    }
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
