#include "engine/rocks_blob_files.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "engine/rocks_blob_layout.h"

namespace posthouse::engine {

namespace {

using RandomFile = std::unique_ptr<rocksdb::FSRandomAccessFile>;

Result<std::string> read_from(const rocksdb::FSRandomAccessFile& file, uint64_t at, uint64_t length) {
  std::string out(length, '\0');
  rocksdb::Slice read;
  const rocksdb::IOStatus status = file.Read(at, length, rocksdb::IOOptions(), &read, out.data(), nullptr);
  if (!status.ok() || read.size() != length) return fail(FaultKind::io, status.ToString());
  if (read.data() != out.data()) out.assign(read.data(), read.size());
  return out;
}

// What stands in for what is missing; "" for an end that is sound.
struct Ends {
  std::string header;
  std::string footer;
  bool sound() const { return header.empty() && footer.empty(); }
};

// The end of a file that was cut off is where a record was: the footer comes behind it.
Ends missing_ends(const rocksdb::FSRandomAccessFile& file, uint64_t size) {
  constexpr uint64_t kUncounted = 0;  // nobody reads how many records there are
  Ends out;
  if (size < kBlobFileHeader + kBlobRecordHeader) return out;
  const Result<std::string> footer = read_from(file, size - kBlobFileFooter, kBlobFileFooter);
  if (footer && !is_blob_file_footer(*footer)) out.footer = blob_file_footer(kUncounted);
  const Result<std::string> header = read_from(file, 0, kBlobFileHeader);
  if (!header || is_blob_file_header(*header)) return out;
  const auto read = [&](uint64_t at, uint64_t length) { return read_from(file, at, length); };
  out.header = blob_file_header(guess_blob_compression(read, size));
  return out;
}

class CompletedFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  CompletedFile(RandomFile file, uint64_t size, Ends ends)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), size_(size), ends_(std::move(ends)) {}

  rocksdb::IOStatus Read(uint64_t at, size_t length, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* context) const override {
    if (at >= size_) return give(ends_.footer, at - size_, length, result, scratch);
    if (at < ends_.header.size()) return give(ends_.header, at, length, result, scratch);
    return FSRandomAccessFileOwnerWrapper::Read(at, length, options, result, scratch, context);
  }
  rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count,
                              const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    for (size_t i = 0; i < count; ++i) {
      rocksdb::FSReadRequest& request = requests[i];
      request.status = Read(request.offset, request.len, options, &request.result, request.scratch, context);
    }
    return rocksdb::IOStatus::OK();
  }

 private:
  static rocksdb::IOStatus give(std::string_view bytes, uint64_t at, size_t length, rocksdb::Slice* result,
                                char* scratch) {
    const std::string_view part = at < bytes.size() ? bytes.substr(at, length) : std::string_view();
    std::memcpy(scratch, part.data(), part.size());
    *result = rocksdb::Slice(scratch, part.size());
    return rocksdb::IOStatus::OK();
  }

  const uint64_t size_;
  const Ends ends_;
};

class CompletingFiles final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "CompletingFiles"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        RandomFile* file, rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, file, context);
    if (!status.ok() || !path.ends_with(".blob")) return status;
    uint64_t size = 0;
    status = FileSystemWrapper::GetFileSize(path, options.io_options, &size, context);
    if (!status.ok()) return status;
    Ends ends = missing_ends(**file, size);
    if (ends.sound()) return status;
    log::error("engine.blob_file_damaged",
               {{"file", path}, {"missing", ends.footer.empty() ? "its header" : "its end"}});
    *file = std::make_unique<CompletedFile>(std::move(*file), size, std::move(ends));
    return status;
  }
  // With the footer that it will seem to have.
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options, uint64_t* size,
                                rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = FileSystemWrapper::GetFileSize(path, options, size, context);
    if (!status.ok() || !path.ends_with(".blob")) return status;
    RandomFile file;
    status = FileSystemWrapper::NewRandomAccessFile(path, rocksdb::FileOptions(), &file, context);
    if (status.ok()) *size += missing_ends(*file, *size).footer.size();
    return status;
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> complete_blob_files(rocksdb::Env* env) {
  const auto inside = env != nullptr ? env->GetFileSystem() : rocksdb::FileSystem::Default();
  return rocksdb::NewCompositeEnv(std::make_shared<CompletingFiles>(inside));
}

}  // namespace posthouse::engine
