#include "app/core/folders.h"

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
  if (!is_root() || config.server.user.empty()) return std::nullopt;
  return user_to_become(config);
}

}  // namespace posthouse::app
