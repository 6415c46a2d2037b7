#include "app/moving/letter_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "app/limits.h"

namespace posthouse::app::moving {

void LetterSpool::clear() {
  bytes_.clear();
  file_.close();
  size_ = 0;
}

Result<void> LetterSpool::append(std::string_view bytes) {
  bytes_ += bytes;
  size_ += bytes.size();
  return bytes_.size() > kImportBytes ? write_out() : Result<void>();
}

Result<void> LetterSpool::write_out() {
  if (!file_) {
    std::string path = directory_ + "/posthouse-letter-XXXXXX";
    file_ = maildir::File(::mkostemp(path.data(), O_CLOEXEC));
    if (!file_) return maildir::os_fault("make", path);
    ::unlink(path.c_str());
  }
  auto written = maildir::write_all(file_.fd(), bytes_, directory_);
  bytes_.clear();
  return written;
}

Result<std::string> LetterSpool::read(uint64_t offset, size_t length) const {
  const uint64_t in_file = size_ - bytes_.size();
  std::string out;
  while (out.size() < length && offset + out.size() < in_file) {
    const uint64_t at = offset + out.size();
    const size_t have = out.size();
    const size_t wanted = std::min<uint64_t>(length - have, in_file - at);
    out.resize(have + wanted);
    const ssize_t n = ::pread(file_.fd(), out.data() + have, wanted, static_cast<off_t>(at));
    if (n < 0 && errno != EINTR) return maildir::os_fault("read a letter in", directory_);
    if (n == 0) return fail(FaultKind::io, "a letter on its way in was cut off in " + directory_);
    out.resize(have + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  }
  const uint64_t at = offset + out.size();
  if (out.size() < length && at < size_) out += bytes_.substr(at - in_file, length - out.size());
  return out;
}

}  // namespace posthouse::app::moving
