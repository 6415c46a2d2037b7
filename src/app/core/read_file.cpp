#include <cerrno>
#include <cstdio>

#include "app/core/core.h"

namespace posthouse::app {

Result<std::string> read_file(const std::string& path, size_t limit) {
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
  std::string out;
  char buffer[16384];
  while (size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) {
    out.append(buffer, n);
    if (out.size() > limit) return fail(FaultKind::io, fmt::format("{}: larger than {} bytes", path, limit));
  }
  if (std::ferror(file.get()) != 0)
    return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
  return out;
}

Result<std::string> read_first_line(const std::string& path) {
  auto text = read_file(path, 64 * 1024);
  if (!text) return text;
  text->resize(std::min(text->size(), text->find_first_of("\r\n")));
  if (text->empty()) return fail(FaultKind::syntax, fmt::format("{}: its first line is empty", path));
  return text;
}

}  // namespace posthouse::app
