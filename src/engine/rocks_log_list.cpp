#include "engine/rocks_log_list.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>

#include "base/log.h"
#include "engine/patch_file.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLogs = "LOGS";

std::set<std::string> read_list(const std::string& directory) {
  std::istringstream text(read_whole(directory + "/" + std::string(kLogs)));
  std::set<std::string> out;
  for (std::string name; text >> name;) out.insert(name);
  return out;
}

Result<void> write_list(const std::string& directory, const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return write_whole(directory + "/" + std::string(kLogs), text);
}

// A log is listed after it was made and no longer listed before it goes: what is listed is there.
class ListingFiles final : public rocksdb::FileSystemWrapper {
 public:
  ListingFiles(const std::shared_ptr<rocksdb::FileSystem>& inside, std::string directory)
      : FileSystemWrapper(inside), directory_(std::move(directory)), names_(read_list(directory_)) {}
  const char* Name() const override { return "ListingFiles"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus made = FileSystemWrapper::NewWritableFile(path, options, file, context);
    if (made.ok()) list(path, true);
    return made;
  }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    list(path, false);
    return FileSystemWrapper::DeleteFile(path, options, context);
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    list(from, false);
    return FileSystemWrapper::RenameFile(from, to, options, context);
  }

 private:
  void list(const std::string& path, bool there) {
    const fs::path file(path);
    if (file.extension() != ".log" || file.parent_path().lexically_normal() != fs::path(directory_)) return;
    const std::lock_guard lock(mutex_);
    const std::string name = file.filename().string();
    const bool changed = there ? names_.insert(name).second : names_.erase(name) != 0;
    if (!changed) return;
    // A list that can't be written (a full disk) must not name what goes: then there is none.
    if (const Result<void> done = write_list(directory_, names_); !done) {
      log::warn("engine.logs_not_listed", {{"what", done.error().what}});
      std::error_code ignored;
      fs::remove(fs::path(directory_) / kLogs, ignored);
    }
  }

  const std::string directory_;
  std::mutex mutex_;
  std::set<std::string> names_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> list_logs(rocksdb::Env* env, const std::string& directory) {
  const auto inside = env != nullptr ? env->GetFileSystem() : rocksdb::FileSystem::Default();
  const fs::path clean = fs::path(directory).lexically_normal();
  const fs::path folder = clean.has_filename() ? clean : clean.parent_path();
  return rocksdb::NewCompositeEnv(std::make_shared<ListingFiles>(inside, folder.string()));
}

std::vector<std::string> missing_logs(const std::string& directory) {
  const std::set<std::string> listed = read_list(directory);
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    // Made by a program that keeps no list, and may have removed others.
    if (entry.path().extension() == ".log" && !listed.contains(entry.path().filename().string())) return {};
  }
  for (const std::string& name : listed) {
    if (!fs::exists(fs::path(directory) / name, error) && !error) out.push_back(name);
  }
  return out;
}

Result<void> forget_log(const std::string& directory, const std::string& name) {
  std::set<std::string> names = read_list(directory);
  return names.erase(name) == 0 ? Result<void>() : write_list(directory, names);
}

}  // namespace posthouse::engine
