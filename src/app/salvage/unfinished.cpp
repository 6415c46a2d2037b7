#include "app/salvage/unfinished.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

namespace posthouse::app {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "posthouse-salvage 1";

std::unexpected<Fault> failed(const std::string& path, int error) {
  return fail(error == ENOSPC ? FaultKind::no_space : FaultKind::io,
              fmt::format("{}: {}", path, std::strerror(error)));
}

bool is_note(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) && line == kFirstLine;
}

// The same, or one of which nothing was written yet.
bool may_be_note(const std::string& path) {
  std::error_code error;
  const bool empty = fs::is_regular_file(path, error) && fs::file_size(path, error) == 0 && !error;
  return empty || is_note(path);
}

// The names in a note. A last one without an end was cut off, and nothing was made of it.
std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> out;
  std::ifstream file(path);
  std::string line;
  for (bool first = true; std::getline(file, line) && !file.eof(); first = false) {
    if (!first && !line.empty() && line != "." && line != ".." && line.find('/') == line.npos)
      out.insert(line);
  }
  return out;
}

Result<void> write(int fd, std::string_view line, const std::string& path) {
  std::string bytes(line);
  bytes += '\n';
  const ssize_t n = ::write(fd, bytes.data(), bytes.size());
  if (n != static_cast<ssize_t>(bytes.size())) return failed(path, n < 0 ? errno : ENOSPC);
  return ::fdatasync(fd) == 0 ? Result<void>() : failed(path, errno);
}

}  // namespace

Result<UnfinishedSalvage> UnfinishedSalvage::begin(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, kUnfinished);
  std::error_code error;
  fs::create_directories(folder, error);
  const bool empty = !error && fs::is_empty(folder, error);
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", folder, error.message()));
  if (!empty && !may_be_note(path))
    return fail(FaultKind::exists, fmt::format("{} is not empty: name a folder that is to be made", folder));
  maildir::File file(
      ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return failed(path, errno);
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0)
    return fail(FaultKind::temporary, fmt::format("another salvage writes into {}", folder));
  for (const std::string& name : names_in(path)) {
    fs::remove_all(fs::path(folder) / name, error);
    if (error) return fail(FaultKind::io, fmt::format("{}/{}: {}", folder, name, error.message()));
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename() == kUnfinished) continue;
    return fail(FaultKind::exists,
                fmt::format("{} was not made by the unfinished salvage in {}: move it away",
                            entry.path().string(), folder));
  }
  if (::ftruncate(file.fd(), 0) != 0) return failed(path, errno);
  if (auto done = write(file.fd(), kFirstLine, path); !done) return std::unexpected(done.error());
  return UnfinishedSalvage(folder, std::move(file));
}

Result<void> UnfinishedSalvage::note(std::string_view name) const {
  return write(file_.fd(), name, fmt::format("{}/{}", folder_, kUnfinished));
}

Result<void> UnfinishedSalvage::end() const {
  const std::string path = fmt::format("{}/{}", folder_, kUnfinished);
  if (::syncfs(file_.fd()) != 0 || ::unlink(path.c_str()) != 0) return failed(path, errno);
  return {};
}

std::string unfinished_salvage_at(const std::string& path) {
  std::error_code error;
  fs::path at = fs::weakly_canonical(fs::absolute(path), error);
  if (error) return "";
  for (;; at = at.parent_path()) {
    if (is_note((at / kUnfinished).string())) return at.string();
    if (!at.has_relative_path()) return "";
  }
}

}  // namespace posthouse::app
