// Copying files with their hash, no faster than allowed, and what comes of a full disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace posthouse::app::backup {

// Called with (done, total), in bytes or whatever is counted.
using Progress = std::function<void(uint64_t, uint64_t)>;

// Keeps a reader at so many bytes a second, by waiting. 0: no limit.
class Rate {
 public:
  explicit Rate(uint64_t bytes_a_second) : limit_(bytes_a_second), begin_(system_clock().steady()) {}
  void spend(uint64_t bytes);

 private:
  uint64_t limit_;
  uint64_t spent_ = 0;
  SteadyTime begin_;
};

// What was read, in pieces.
using Took = std::function<void(uint64_t bytes)>;

struct Copied {
  std::string sha256;
  uint64_t size = 0;
};

// `to` is made new, is on disk when this returns, and was read back. Faults name the file; no_space, io, and
// corrupt when the disk gives back something else than was written. Leaves nothing behind when it fails.
Result<Copied> copy_file(const std::string& from, const std::string& to, mode_t mode, const Took& took);
// The same, not flushed, and not read back. 0600.
Result<Copied> copy_unflushed(const std::string& from, const std::string& to, const Took& took);
// Where bytes come from, a piece from there on; empty at the end.
using Pieces = std::function<Result<std::string>(uint64_t offset)>;
// `to` is made new, of what the pieces are; not flushed, and not read back. Leaves nothing when it fails.
Result<Copied> write_pieces(const std::string& to, const Pieces& pieces, const Took& took);
// The same piece by piece; what is not closed leaves nothing.
class PieceWriter {
 public:
  static Result<PieceWriter> make(std::string path);
  PieceWriter(PieceWriter&& other) noexcept;
  PieceWriter& operator=(PieceWriter&&) = delete;
  PieceWriter(const PieceWriter&) = delete;
  PieceWriter& operator=(const PieceWriter&) = delete;
  ~PieceWriter();

  Result<void> append(std::string_view bytes);
  uint64_t size() const;
  const std::string& path() const;
  Copied close();  // once

 private:
  struct Impl;
  explicit PieceWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};
// All that was written to the file system of this folder is on its disk.
Result<void> sync_file_system(const std::string& folder);
// The hash of what the disk has of a file that was flushed, not of what memory has.
Result<std::string> read_back(const std::string& path);
Result<std::string> read_range(const std::string& path, uint64_t offset, uint64_t length);
Result<std::string> hash_file(const std::string& path, const Took& took);
// On disk when it returns, at once or not at all.
Result<void> write_file(const std::string& path, std::string_view bytes, mode_t mode);
// What stands in a folder is on disk.
Result<void> sync_folder(const std::string& path);
// With all above it; only the last gets the mode.
Result<void> make_folder(const std::string& path, mode_t mode);

}  // namespace posthouse::app::backup
