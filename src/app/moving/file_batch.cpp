#include "app/moving/file_batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

namespace posthouse::app::moving {
namespace {

constexpr size_t kTogether = 500;

timespec to_timespec(SystemTime time) {
  const auto since = time.time_since_epoch();
  const auto whole = std::chrono::floor<seconds>(since);
  return {static_cast<time_t>(whole.count()),
          static_cast<long>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - whole).count())};
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

Result<void> FileBatch::write(const std::string& part, SystemTime date, const control::LetterPieces& pieces,
                              const Change& change) {
  const maildir::File file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return maildir::os_fault("open", part);
  for (bool last = false; !last;) {
    auto piece = pieces();
    if (!piece) return std::unexpected(piece.error());
    last = piece->empty();
    std::string out;
    change(*piece, last, out);
    if (auto written = maildir::write_all(file.fd(), out, part); !written) return written;
  }
  const timespec times[2] = {to_timespec(date), to_timespec(date)};
  if (::futimens(file.fd(), times) != 0) return maildir::os_fault("set the time of", part);
  return {};
}

Result<void> FileBatch::add(std::string part, std::string path) {
  files_.emplace_back(std::move(part), std::move(path));
  return files_.size() < kTogether ? Result<void>() : finish();
}

Result<void> FileBatch::finish() {
  if (files_.empty()) return {};
  const maildir::File folder(
      ::open(folder_of(files_.front().first).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return maildir::os_fault("open", folder_of(files_.front().first));
  if (::syncfs(folder.fd()) != 0) return maildir::os_fault("flush", files_.front().first);
  std::set<std::string> folders;
  for (const auto& [part, path] : files_) {
    if (maildir::rename_in(AT_FDCWD, part, AT_FDCWD, path) != 0) return maildir::os_fault("rename", path);
    folders.insert(folder_of(path));
  }
  files_.clear();
  for (const std::string& one : folders) {
    if (auto flushed = maildir::flush_folder(one); !flushed) return flushed;
  }
  return {};
}

// What was not finished.
void FileBatch::drop() {
  for (const auto& [part, path] : files_) ::unlink(part.c_str());
}

}  // namespace posthouse::app::moving
