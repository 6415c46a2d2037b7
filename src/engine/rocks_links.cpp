#include "engine/rocks_links.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <unistd.h>

#include "base/log.h"

namespace posthouse::engine {

namespace {

using rocksdb::Status;

constexpr size_t kPiece = 1 << 20;

// The first `size` bytes; of the manifest and of logs, which grow.
Status copy_start(rocksdb::Env& env, const std::string& from, const std::string& to, uint64_t size) {
  std::unique_ptr<rocksdb::SequentialFile> source;
  std::unique_ptr<rocksdb::WritableFile> target;
  Status status = env.NewSequentialFile(from, &source, rocksdb::EnvOptions());
  if (status.ok()) status = env.NewWritableFile(to, &target, rocksdb::EnvOptions());
  std::vector<char> room(kPiece);
  while (status.ok() && size > 0) {
    rocksdb::Slice got;
    status = source->Read(std::min<uint64_t>(size, room.size()), &got, room.data());
    if (status.ok() && got.empty()) return Status::Corruption(from + ": is shorter than it was");
    if (status.ok()) status = target->Append(got);
    size -= got.size();
  }
  if (status.ok()) status = target->Sync();
  return status;
}

Status put(rocksdb::Env& env, const rocksdb::LiveFileStorageInfo& file, const std::string& to,
           std::string& missing) {
  const std::string from = file.directory + "/" + file.relative_filename;
  if (!file.replacement_contents.empty())
    return rocksdb::WriteStringToFile(&env, file.replacement_contents, to, true);
  if (file.trim_to_size) return copy_start(env, from, to, file.size);
  if (::link(from.c_str(), to.c_str()) == 0) return Status::OK();
  if (errno == ENOENT && file.file_type == rocksdb::kBlobFile) {
    log::error("engine.blob_file_missing", {{"file", from}, {"advice", "restore a backup that has it"}});
    missing += file.relative_filename + "\n";
    return Status::OK();
  }
  return Status::IOError("while link file to " + to, std::strerror(errno));
}

Status link_all(rocksdb::DB& db, const std::string& folder) {
  std::vector<rocksdb::LiveFileStorageInfo> files;
  Status status = db.GetLiveFilesStorageInfo(rocksdb::LiveFilesStorageInfoOptions(), &files);
  std::string missing;
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    if (status.ok()) status = put(*db.GetEnv(), file, folder + "/" + file.relative_filename, missing);
  }
  if (status.ok() && !missing.empty())
    status =
        rocksdb::WriteStringToFile(db.GetEnv(), missing, fmt::format("{}/{}", folder, kMissingFiles), true);
  std::unique_ptr<rocksdb::Directory> directory;
  if (status.ok()) status = db.GetEnv()->NewDirectory(folder, &directory);
  if (status.ok()) status = directory->Fsync();
  return status;
}

}  // namespace

Status link_live_files(rocksdb::DB& db, const std::string& folder) {
  const std::string unfinished = folder + ".tmp";
  rocksdb::Env& env = *db.GetEnv();
  std::error_code error;
  std::filesystem::remove_all(unfinished, error);
  Status status = db.DisableFileDeletions();
  if (!status.ok()) return status;
  status = env.CreateDir(unfinished);
  if (status.ok()) status = link_all(db, unfinished);
  db.EnableFileDeletions(false).PermitUncheckedError();
  if (status.ok()) status = env.RenameFile(unfinished, folder);
  if (!status.ok()) std::filesystem::remove_all(unfinished, error);
  return status;
}

}  // namespace posthouse::engine
