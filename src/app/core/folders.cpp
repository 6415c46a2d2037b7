#include "app/core/folders.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <filesystem>

namespace posthouse::app {
namespace {

namespace fs = std::filesystem;

// systemd's ProtectSystem=strict shows all as read-only but what the unit names.
Result<void> check_writable(const std::string& folder) {
  std::error_code error;
  const bool there = fs::exists(folder, error);
  fs::path nearest = folder;
  while (!fs::exists(nearest, error) && nearest.has_relative_path()) nearest = nearest.parent_path();
  struct statvfs info{};
  if (statvfs(nearest.c_str(), &info) != 0 || (info.f_flag & ST_RDONLY) == 0) return {};
  if (there) {
    return fail(FaultKind::io,
                fmt::format("{0} is on a read-only file system; when systemd starts this, its unit "
                            "needs ReadWritePaths={0}",
                            folder));
  }
  return fail(FaultKind::io,
              fmt::format("there is no folder {} (is its disk mounted?), and here it can't be made: {} "
                          "is read-only",
                          folder, nearest.string()));
}

}  // namespace

Result<void> make_data_folders(const Config& config, const User* owner) {
  if (auto writable = check_writable(config.server.data_directory); !writable) return writable;
  if (auto made = make_directory(config.server.data_directory, 0700, owner); !made) return made;
  for (const std::string& path : {store_directory(config), run_directory(config), key_directory(config)}) {
    if (auto made = make_directory(path, 0700, owner); !made) return made;
  }
  return {};
}

Result<std::optional<User>> user_to_become(const Config& config) {
  if (!is_root()) return std::nullopt;
  if (config.server.user.empty()) {
    return fail(FaultKind::policy, "server.user: expected the user to run as, for this is started as root");
  }
  auto user = find_user(config.server.user, config.server.group);
  if (!user) return std::unexpected(user.error());
  return *user;
}

}  // namespace posthouse::app
