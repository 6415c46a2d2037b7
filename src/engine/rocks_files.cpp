#include "engine/rocks_files.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

bool is_log(const fs::path& file) {
  return file.extension() == ".log";
}

bool belongs_to_a_store(const fs::path& file) {
  return is_log(file) || file.extension() == ".sst" || file.extension() == ".blob" ||
         file.filename().string().starts_with("MANIFEST-");
}

std::string damaged_folder(const std::string& directory) {
  return directory + ".damaged";
}

}  // namespace

StoreFiles look_at_store(const std::string& directory) {
  std::error_code error;
  if (fs::exists(fs::path(directory) / "CURRENT", error)) return StoreFiles::whole;
  if (error == std::errc::permission_denied) return StoreFiles::hidden;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (belongs_to_a_store(entry.path())) return StoreFiles::headless;
  }
  if (error == std::errc::permission_denied) return StoreFiles::hidden;
  return StoreFiles::none;
}

Result<std::string> new_damaged_folder(const std::string& directory, std::string_view suffix) {
  const auto now = std::chrono::floor<seconds>(system_clock().now());
  const fs::path parent = damaged_folder(directory);
  std::error_code error;
  fs::create_directories(parent, error);
  if (!error) fs::permissions(parent, fs::perms::owner_all, error);
  fs::path folder = parent / fmt::format("{:%Y-%m-%dT%H%M%SZ}{}", now, suffix);
  for (int n = 2; !error && !fs::create_directory(folder, error) && !error; ++n)
    folder = parent / fmt::format("{:%Y-%m-%dT%H%M%SZ}{}.{}", now, suffix, n);
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", folder.string(), error.message()));
  return folder.string();
}

Result<std::string> keep_damaged_log(const std::string& directory) {
  Result<std::string> folder = new_damaged_folder(directory, "");
  if (!folder) return folder;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (error) break;
    if (!is_log(entry.path())) continue;
    fs::create_hard_link(entry.path(), fs::path(*folder) / entry.path().filename(), error);
  }
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", *folder, error.message()));
  return folder;
}

void forget_damaged_log(const std::string& kept) {
  std::error_code ignored;
  fs::remove_all(kept, ignored);
  fs::remove(fs::path(kept).parent_path(), ignored);  // when it is empty
}

std::vector<std::string> logs_in(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (is_log(entry.path())) out.push_back(entry.path().string());
  }
  const auto older = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  std::sort(out.begin(), out.end(), older);
  return out;
}

std::vector<std::string> damaged_folders(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(damaged_folder(directory), error)) {
    out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace posthouse::engine
