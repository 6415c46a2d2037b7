#include "app/core/folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/config/blame.h"
#include "engine/rocks_files.h"

namespace posthouse::app {

Result<void> make_data_folders(const Config& config, const User* owner) {
  for (const std::string& path : {config.server.data_directory, store_directory(config),
                                  run_directory(config), key_directory(config)}) {
    if (auto made = make_directory(path, 0700, owner); !made) {
      return blame("server.data_directory", made.error());
    }
  }
  return {};
}

Result<void> find_store(const Config& config) {
  const std::string path = store_directory(config);
  if (engine::look_at_store(path) != engine::StoreFiles::none) return {};
  return blame(
      "server.data_directory",
      {FaultKind::not_found, fmt::format("there is no store in {}: is its disk mounted, is the path right? "
                                         "`posthouse store create` makes a new one",
                                         path)});
}

Result<User> configured_user(const Config& config) {
  auto user = find_user(config.server.user);
  if (!user) return blame("server.user", user.error());
  if (user->uid == 0) {
    return fail(FaultKind::policy, "server.user: expected a user other than root, who has every right");
  }
  if (config.server.group.empty()) return user;
  auto group = find_group(config.server.group);
  if (!group) return blame("server.group", group.error());
  user->gid = *group;
  return user;
}

Result<std::optional<User>> user_to_become(const Config& config) {
  if (!is_root()) return std::nullopt;
  if (config.server.user.empty()) {
    return fail(FaultKind::policy, "server.user: expected the user to run as, for this is started as root");
  }
  auto user = configured_user(config);
  if (!user) return std::unexpected(user.error());
  return *user;
}

Result<std::optional<User>> owner_of_data(const Config& config) {
  if (!is_root()) return std::nullopt;
  if (!config.server.user.empty()) return user_to_become(config);
  // Somebody else starts the server (systemd's User=): whom its files belong to, or will.
  for (const std::string& path : {store_directory(config), config.server.data_directory}) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) continue;
    if (info.st_uid == 0) return std::nullopt;
    return User{info.st_uid, info.st_gid, name_of_user(info.st_uid)};
  }
  return std::nullopt;
}

Fault advise_on_owner(const Config& config, Fault fault) {
  if (fault.what.find(std::strerror(EACCES)) == std::string::npos) return fault;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store_directory(config), error)) {
    struct stat info{};
    if (::lstat(entry.path().c_str(), &info) != 0 || info.st_uid == ::geteuid()) continue;
    fault.what += fmt::format(
        "; {} belongs to {} and not to {}, who runs this: `chown -R {}: {}` as root gives "
        "the store back",
        entry.path().string(), name_of_user(info.st_uid), name_of_user(::geteuid()),
        name_of_user(::geteuid()), config.server.data_directory);
    break;
  }
  return fault;
}

}  // namespace posthouse::app
