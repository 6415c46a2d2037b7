// Descriptors, folders and small files, with errors as values. Nothing here but flush_folder() follows a
// symbolic link in the last part of a path.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace posthouse::maildir {

// Owns a descriptor.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File() { close(); }
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept;
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// Whether something is flushed before the call returns, or by a later sync of its folder.
enum class Sync : uint8_t { now, later };

// What errno says, for `path`.
std::unexpected<Fault> os_fault(std::string_view what, std::string_view path);

Result<File> open_folder(const std::string& path);
Result<File> open_folder_in(int folder, const std::string& name);
Result<File> open_file_in(int folder, const std::string& name);  // a regular file, to be read
// For the owner, and for the group as far as the folder is. There already: exists.
Result<File> create_file_in(int folder, const std::string& name);
Result<void> flush(int fd, std::string_view path);  // fsync
Result<void> flush_folder(const std::string& path);
Result<void> write_all(int fd, std::string_view bytes, std::string_view path);
Result<bool> make_folder_in(int folder, const std::string& name);  // false: it was there

// Renames, and never over another file: exists. 0, or -1 and errno.
int rename_in(int from, const std::string& name, int to, const std::string& new_name);

// Names in a folder but "." and "..", with d_type and inode; false ends it.
Result<void> each_entry(
    int folder, std::string_view path,
    const std::function<bool(std::string_view name, unsigned char type, uint64_t inode)>& see);

// A whole small file; nothing if there is none. Larger than `limit`, or no regular file: syntax.
Result<std::optional<std::string>> read_small(int folder, const std::string& name, size_t limit);

// Writes a file anew by way of tmp/UNIQUE in the same folder; a reader sees the old or the new. Mode, group
// and (for root) owner stay as they were.
Result<void> replace_file(int folder, const std::string& name, const std::string& unique,
                          std::string_view text, Sync sync);

std::string parent_of(const std::string& path);
std::string without_slashes(std::string path);  // at its end: a link would be followed
int64_t nanoseconds_of(const timespec& time);   // to compare: times after 2262 have no number of their own
int64_t milliseconds_of(const timespec& time);

}  // namespace posthouse::maildir
