// A file of the store that is read and written by place: for mending what RocksDB itself can't read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::engine {

class PatchFile {
 public:
  static Result<PatchFile> open(const std::string& path);
  ~PatchFile();
  PatchFile(PatchFile&& other) noexcept;
  PatchFile(const PatchFile&) = delete;
  PatchFile& operator=(const PatchFile&) = delete;
  PatchFile& operator=(PatchFile&&) = delete;

  uint64_t size() const { return size_; }
  // Fails with io when that much is not there.
  Result<std::string> read(uint64_t offset, uint64_t length) const;
  // On disk when it returns.
  Result<void> write(uint64_t offset, std::string_view bytes);
  // What others have written to it.
  Result<void> flush() const;

 private:
  PatchFile(std::string path, int fd, uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  std::unexpected<Fault> fault(const char* what) const;

  std::string path_;
  int fd_;
  uint64_t size_;
};

// A file written whole, on disk under its name when it returns.
Result<void> write_whole(const std::string& path, std::string_view bytes);
// The same with what `fresh`, a file beside it that is flushed, holds.
Result<void> replace_file(const std::string& fresh, const std::string& path);
// What is in it; "" when it is not there.
std::string read_whole(const std::string& path);

}  // namespace posthouse::engine
