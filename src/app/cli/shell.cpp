#include "app/cli/shell.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/ascii.h"

namespace posthouse::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "posthouse";

// The first program of that name in PATH.
fs::path found_by_shell() {
  const char* path = std::getenv("PATH");
  std::error_code error;
  for (std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    fs::path candidate = fs::path(folder) / kName;
    if (!folder.empty() && fs::is_regular_file(candidate, error)) return candidate;
  }
  return {};
}

}  // namespace

std::string shell_word(std::string_view text) {
  auto plain = [](char c) {
    return is_alnum(c) || std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string program_word() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error || fs::equivalent(found_by_shell(), self, error)) return kName;
  return shell_word(self.string());
}

}  // namespace posthouse::app
