#include "engine/partition_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/file_numbers.h"
#include "engine/patch_file.h"
#include "engine/record.h"

namespace posthouse::engine {

namespace {

constexpr std::string_view kFirstLine = "posthouse rows 1\n";
constexpr uint8_t kVersion = 1;
constexpr size_t kLengthSize = 4;
constexpr uint64_t kLargestRecord = 64ull << 20;
constexpr size_t kRowsAtOnce = 1000;  // put back by one transaction

using Rows = std::vector<std::pair<std::string, std::string>>;

// A file that is written from its start, and is removed unless it was finished.
class FreshFile {
 public:
  explicit FreshFile(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbe")) {}
  ~FreshFile() {
    if (file_ != nullptr) std::fclose(file_);
    if (!finished_) ::unlink(path_.c_str());
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;

  bool add(std::string_view bytes) {
    return file_ != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
  }
  bool finish() {
    finished_ = file_ != nullptr && std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
    return finished_;
  }

 private:
  const std::string path_;
  std::FILE* file_;
  bool finished_ = false;
};

std::string framed(std::string_view key, std::string_view value) {
  const std::string record = RecordWriter(kVersion).bytes(key).bytes(value).finish();
  std::string out;
  append_little_endian(out, record.size(), kLengthSize);
  return out + record;
}

// Reads rows until the last one or the damage.
class CopyReader {
 public:
  explicit CopyReader(const std::string& path) : file_(path, std::ios::binary) {}

  bool is_there() const { return file_.is_open(); }
  bool is_one() { return read(kFirstLine.size()) && bytes_ == kFirstLine; }
  // False: there are no more; whole() tells whether those were all.
  bool next(std::string& key, std::string& value) {
    if (!read(kLengthSize)) return false;
    const uint64_t length = read_little_endian(bytes_, 0, kLengthSize);
    if (length > kLargestRecord || !read(length)) return false;
    RecordReader record(bytes_, kVersion);
    key = record.bytes();
    value = record.bytes();
    if (!record.ok()) return false;
    whole_ = key.empty() && value.empty();
    return !whole_;
  }
  bool whole() const { return whole_; }

 private:
  bool read(uint64_t length) {
    bytes_.resize(length);
    return file_.read(bytes_.data(), static_cast<std::streamsize>(length)).good();
  }

  std::ifstream file_;
  std::string bytes_;
  bool whole_ = false;
};

Task<Result<uint64_t>> put_missing(Engine& engine, Partition partition, const Rows& rows) {
  uint64_t put = 0;
  std::vector<Step> steps;
  steps.push_back({partition, [&rows, &put](Transaction& there) -> Result<void> {
                     put = 0;
                     for (const auto& [key, value] : rows) {
                       const auto row = there.get(key);
                       if (!row) return std::unexpected(row.error());
                       if (row->has_value()) continue;
                       there.put(key, value);
                       ++put;
                     }
                     return {};
                   }});
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  co_return put;
}

std::unexpected<Fault> not_there(const std::string& path) {
  return fail(FaultKind::not_found, path + " is not there");
}

}  // namespace

Result<void> copy_partition(const Reader& reader, Partition partition, const std::string& path) {
  const std::string fresh = path + ".new";
  FreshFile file(fresh);
  bool good = ::chmod(fresh.c_str(), S_IRUSR | S_IWUSR) == 0 && file.add(kFirstLine);
  const Result<void> read = reader.scan(partition, "", "", [&](std::string_view key, std::string_view value) {
    good = good && file.add(framed(key, value));
    return good;
  });
  if (!read) return read;
  if (!good || !file.add(framed("", "")) || !file.finish())
    return fail(FaultKind::io, fmt::format("{}: {}", fresh, std::strerror(errno)));
  return replace_file(fresh, path);
}

Result<bool> read_partition_copy(
    const std::string& path, const std::function<void(std::string_view key, std::string_view value)>& row) {
  CopyReader copy(path);
  if (!copy.is_there()) return not_there(path);
  std::string key, value;
  for (bool more = copy.is_one() && copy.next(key, value); more; more = copy.next(key, value))
    row(key, value);
  return copy.whole();
}

Task<Result<uint64_t>> put_back_missing(Engine& engine, Partition partition, const std::string& path) {
  CopyReader copy(path);
  if (!copy.is_there()) co_return not_there(path);
  uint64_t put = 0;
  Rows rows;
  std::string key, value;
  for (bool more = copy.is_one(); more;) {
    more = copy.next(key, value);
    if (more) rows.emplace_back(std::move(key), std::move(value));
    if (rows.empty() || (more && rows.size() < kRowsAtOnce)) continue;
    Result<uint64_t> done = co_await put_missing(engine, partition, rows);
    if (!done) co_return done;
    put += *done;
    rows.clear();
  }
  if (!copy.whole()) log::error("engine.copy_damaged", {{"file", path}, {"put_back", put}});
  co_return put;
}

}  // namespace posthouse::engine
